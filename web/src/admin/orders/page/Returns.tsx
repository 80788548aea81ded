import { useQuery } from '@tanstack/react-query';
import { api, told } from '../../../api/client';
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
import { type Order, useReread } from './useOrder';

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

  const decide = (returnId: string, decision: 'approve' | 'decline', available: boolean) => (
    <ActionButton
      available={available}
      label={t(`order.returns.${decision}`)}
      size="small"
      color={decision === 'decline' ? 'error' : 'primary'}
      title={t(`order.returns.${decision}.title`)}
      confirm={t(`order.returns.${decision}`)}
      draft={`return.${decision}.${returnId}`}
      fields={[
        { name: 'notes', label: t('order.returns.notes'), help: t('order.returns.notes.help'), kind: 'long', maxLength: 500 },
      ]}
      send={(values, intention) => {
        const params = {
          path: { order_id: order.order_id, return_id: returnId },
          header: { 'Idempotency-Key': intention },
        };
        const body = { notes: values.notes ?? '' };
        return told(
          decision === 'approve'
            ? api.POST('/api/admin/orders/{order_id}/returns/{return_id}/approve', {
                params,
                body: { ...body, exchange: true },
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
          about: `${t('order.returns.worth', { amount: moneyText(one.refund_amount, language) })}${one.note && ` · ${one.note}`}`,
          actions: mayDecide && (
            <>
              {decide(one.return_id, 'approve', one.state === 'requested')}
              {decide(one.return_id, 'decline', one.state === 'requested')}
            </>
          ),
        }))}
      />
    </Card>
  );
}
