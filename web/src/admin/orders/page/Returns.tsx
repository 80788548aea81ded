import Link from '@mui/material/Link';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { Link as RouterLink } from 'react-router-dom';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/order';
import { moneyText } from '../../../look/money';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { ActionButton } from '../../parts/ActionButton';
import { Card } from '../../parts/Card';
import { Failed } from '../../parts/Failed';
import { Rows } from '../../parts/Rows';
import { StateChip } from '../../parts/StateChip';
import { useLabel } from '../../parts/useLabel';
import { useMay } from '../../roles';
import { reference } from '../source';
import { type Order, useReread } from './useOrder';

type Return = components['schemas']['ReturnView'];

const wantedOf = (back: Return): string =>
  back.exchange?.items.map((item) => `${item.quantity} × ${item.product_id}`).join(', ') ?? '';

/** What the customer gets for a return in place of money, and how far that is. */
function Exchange({ back }: { back: Return }) {
  const { t, language } = useWords();
  if (!back.exchange) return null;
  const { stage, order_id, difference } = back.exchange;
  return (
    <Typography variant="body2" component="div">
      {t(`exchange.${stage}`)}: {wantedOf(back)}
      {difference.amount > 0 && ` · ${t('order.returns.difference', { amount: moneyText(difference, language) })}`}{' '}
      {order_id && (
        <Link component={RouterLink} to={`/orders/${order_id}/show`}>
          {t('order.title', { order: reference(order_id) })}
        </Link>
      )}
    </Typography>
  );
}

/** What comes back of the order: decided here, taken in at the desk of returns. */
export function Returns({ order }: { order: Order }) {
  const { t, language } = useWords();
  const say = useProblemText();
  const label = useLabel();
  const reread = useReread(order.order_id);
  const mayDecide = useMay('support');
  const returns = useQuery({
    queryKey: ['order', order.order_id, 'returns'],
    queryFn: () => told(api.GET('/api/admin/orders/{order_id}/returns', { params: { path: { order_id: order.order_id } } })),
  });

  const decide = (back: Return, decision: 'approve' | 'decline') => (
    <ActionButton
      available={back.state === 'requested'}
      label={t(`order.returns.${decision}`)}
      size="small"
      color={decision === 'decline' ? 'error' : 'primary'}
      title={t(`order.returns.${decision}.title`)}
      confirm={t(`order.returns.${decision}`)}
      draft={`return.${decision}.${back.return_id}`}
      fields={[
        ...(decision === 'approve' && back.exchange?.stage === 'wanted'
          ? [
              {
                name: 'exchange',
                label: t('order.returns.exchange', { items: wantedOf(back) }),
                kind: 'choice' as const,
                initial: 'yes',
                choices: ['yes', 'no'].map((value) => ({ value, label: t(`order.returns.exchange.${value}`) })),
              },
            ]
          : []),
        { name: 'notes', label: t('order.returns.notes'), help: t('order.returns.notes.help'), kind: 'long', maxLength: 500 },
      ]}
      send={(values, intention) => {
        const params = {
          path: { order_id: order.order_id, return_id: back.return_id },
          header: { 'Idempotency-Key': intention },
        };
        const body = { notes: values.notes ?? '' };
        return told(
          decision === 'approve'
            ? api.POST('/api/admin/orders/{order_id}/returns/{return_id}/approve', {
                params,
                body: { ...body, exchange: values.exchange !== 'no' },
              })
            : api.POST('/api/admin/orders/{order_id}/returns/{return_id}/decline', {
                params,
                body: { ...body, reason: 'staff' },
              }),
        );
      }}
      done={() => {
        reread();
        return `order.returns.${decision}.done`;
      }}
      refresh={reread}
    />
  );

  return (
    <Card title={t('order.returns.title')} id="returns">
      {returns.error && <Failed text={say(returns.error)} again={returns.refetch} />}
      <Rows
        empty={t('order.returns.none')}
        rows={returns.data?.items.map((one) => ({
          key: one.return_id,
          what: (
            <>
              <StateChip area="return_state" state={one.state} />{' '}
              {one.lines
                .map((line) => `${line.quantity} × ${line.product_id} (${label('return_reason', line.reason)})`)
                .join(', ')}
            </>
          ),
          about: (
            <>
              {`${t('order.returns.worth', { amount: moneyText(one.refund_amount, language) })}${one.note && ` · ${one.note}`}`}
              <Exchange back={one} />
            </>
          ),
          actions: mayDecide && (
            <>
              {decide(one, 'approve')}
              {decide(one, 'decline')}
            </>
          ),
        }))}
      />
    </Card>
  );
}
