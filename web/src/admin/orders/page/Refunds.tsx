import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { api, told } from '../../../api/client';
import { moneyText } from '../../../look/money';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { ActionButton } from '../../parts/ActionButton';
import { Failed } from '../../parts/Failed';
import { Rows } from '../../parts/Rows';
import { StateChip } from '../../parts/StateChip';
import { useLabel } from '../../parts/useLabel';
import { useMay } from '../../roles';
import { type Refund, useReread } from './useOrder';

/** What was or is to be given back, and what can be decided about it. */
export function Refunds({ orderId }: { orderId: string }) {
  const { t, language } = useWords();
  const say = useProblemText();
  const label = useLabel();
  const refunds = useQuery({
    queryKey: ['order', orderId, 'refunds'],
    queryFn: () => told(api.GET('/api/admin/orders/{order_id}/refunds', { params: { path: { order_id: orderId } } })),
  });
  return (
    <>
      <Typography variant="h3">{t('order.refunds.title')}</Typography>
      {refunds.error && <Failed text={say(refunds.error)} again={refunds.refetch} />}
      <Rows
        empty={t('order.refunds.none')}
        rows={refunds.data?.items.map((one) => ({
          key: one.refund_id,
          what: (
            <>
              {moneyText(one.amount, language)} <StateChip area="refund" state={one.state} />
            </>
          ),
          about: [
            label('refund_reason', one.reason),
            one.notes,
            t('order.refunds.by', { who: one.requested_by }),
            one.error && label('code', one.error),
            one.retried_as && t('order.refunds.retried'),
          ]
            .filter(Boolean)
            .join(' · '),
          actions: <Decisions refund={one} />,
        }))}
      />
    </>
  );
}

function Decisions({ refund }: { refund: Refund }) {
  const { t, language } = useWords();
  const reread = useReread(refund.order_id);
  const mayDecide = useMay('finance');
  const mayRetry = useMay('support', 'finance');
  const isOpenFailure = refund.state === 'failed' && !refund.retried_as;
  const can = {
    approve: mayDecide && refund.state === 'awaiting_approval',
    retry: mayRetry && isOpenFailure,
    decline: mayDecide && (refund.state === 'awaiting_approval' || isOpenFailure),
  };
  const send = (decision: keyof typeof can, intention: string) => {
    const params = {
      path: { order_id: refund.order_id, refund_id: refund.refund_id },
      header: { 'Idempotency-Key': intention },
    };
    if (decision === 'approve') return told(api.POST('/api/admin/orders/{order_id}/refunds/{refund_id}/approve', { params }));
    if (decision === 'retry') return told(api.POST('/api/admin/orders/{order_id}/refunds/{refund_id}/retry', { params }));
    return told(api.POST('/api/admin/orders/{order_id}/refunds/{refund_id}/decline', { params }));
  };
  return (['approve', 'retry', 'decline'] as const).map((decision) => (
    <ActionButton
      key={decision}
      available={can[decision]}
      size="small"
      color={decision === 'decline' ? 'error' : 'primary'}
      label={t(`order.refunds.${decision}`)}
      title={t(`order.refunds.${decision}.title`, { amount: moneyText(refund.amount, language) })}
      text={t(`order.refunds.${decision}.text`)}
      confirm={t(`order.refunds.${decision}`)}
      draft={`refund.${decision}.${refund.refund_id}`}
      send={(_, intention) => send(decision, intention)}
      done={() => {
        reread();
        return `order.refunds.${decision}.done`;
      }}
      refresh={reread}
    />
  ));
}
