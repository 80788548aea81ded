import FormControlLabel from '@mui/material/FormControlLabel';
import Switch from '@mui/material/Switch';
import { api, told } from '../../../api/client';
import { Problem } from '../../../api/problem';
import { moneyText, moneyTyped } from '../../../look/money';
import { useWords } from '../../../words/words';
import { ActionButton } from '../../parts/ActionButton';
import { ActionField } from '../../parts/ActionField';
import type { Values } from '../../parts/useDraft';
import { useLabel } from '../../parts/useLabel';
import { Units } from './Units';
import { unitsOf } from './units';
import { type Order, useReread } from './useOrder';

const REASONS = ['damaged', 'lost', 'goodwill', 'price', 'return', 'exchange', 'other'] as const;

type Reason = (typeof REASONS)[number];

function wish(order: Order, values: Values) {
  const said = { reason: (values.reason || 'goodwill') as Reason, notes: values.notes ?? '' };
  if (values.what === 'items') return { ...said, lines: unitsOf(values), shipping: values.shipping === 'yes', amount: null };
  const amount = moneyTyped(values.amount ?? '', order.currency);
  if (!amount) {
    throw new Problem(422, 'no-amount', 'No amount', '', { errors: [{ field: 'amount', message: '' }] });
  }
  return { ...said, lines: [], shipping: false, amount: { amount, currency: order.currency } };
}

/** Gives money back: an amount, or what units and shipping have cost. */
export function AskRefund({ order }: { order: Order }) {
  const { t, language } = useWords();
  const label = useLabel();
  const reread = useReread(order.order_id);
  const most = { amount: order.captured_amount.amount - order.refunded_amount.amount, currency: order.currency };
  return (
    <ActionButton
      available={most.amount > 0}
      label={t('order.refunds.ask')}
      size="small"
      title={t('order.refunds.ask')}
      text={t('order.refunds.ask.text', { most: moneyText(most, language) })}
      confirm={t('order.refunds.ask.confirm')}
      draft={`refund.ask.${order.order_id}`}
      fields={[
        {
          name: 'what',
          label: t('order.refunds.what'),
          kind: 'choice',
          initial: 'amount',
          choices: ['amount', 'items'].map((value) => ({ value, label: t(`order.refunds.what.${value}`) })),
        },
        {
          name: 'reason',
          label: t('order.refunds.reason'),
          kind: 'choice',
          initial: 'goodwill',
          choices: REASONS.map((value) => ({ value, label: label('refund_reason', value) })),
        },
        { name: 'notes', label: t('order.refunds.notes'), kind: 'long', maxLength: 500 },
      ]}
      send={async (values, intention) =>
        told(
          api.POST('/api/admin/orders/{order_id}/refunds', {
            params: {
              path: { order_id: order.order_id },
              header: { 'Idempotency-Key': intention },
            },
            body: wish(order, values),
          }),
        )
      }
      done={(refund) => {
        reread();
        return refund?.state === 'awaiting_approval' ? 'order.refunds.ask.waits' : 'order.refunds.ask.done';
      }}
      refresh={reread}
    >
      {(values, change, failure) =>
        values.what === 'items' ? (
          <>
            <Units lines={order.items.filter((item) => item.quantity > 0)} order={order} values={values} onChange={change} />
            <FormControlLabel
              label={t('order.refunds.shipping', { amount: moneyText(order.shipping_amount, language) })}
              control={
                <Switch
                  checked={values.shipping === 'yes'}
                  onChange={(_, checked) => change('shipping', checked ? 'yes' : '')}
                />
              }
            />
          </>
        ) : (
          <ActionField
            id="refund-amount"
            spec={{ name: 'amount', label: t('order.refunds.amount', { currency: order.currency }), required: true }}
            value={values.amount ?? ''}
            error={failure?.slug === 'no-amount' ? t('orders.field.no_amount') : failure?.of('amount')}
            onChange={(value) => change('amount', value)}
          />
        )
      }
    </ActionButton>
  );
}
