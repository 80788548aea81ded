import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { ActionButton } from '../../parts/ActionButton';
import { useMay } from '../../roles';
import { type Order, useReread } from '../page/useOrder';
import { reference } from '../source';

/** What a person can do about a saga that stands still: have it go on, or end it. */
export function SagaActions({ order }: { order: Order }) {
  const { t } = useWords();
  const reread = useReread(order.order_id);
  const mayHelp = useMay('support');
  if (!mayHelp) return null;
  const path = { order_id: order.order_id };
  const canEnd = order.order_state === 'cancelled' || order.allowed_actions.includes('cancel');
  return (
    <>
      <ActionButton
        label={t('saga.retry')}
        variant="contained"
        title={t('saga.retry.title', { order: reference(order.order_id) })}
        text={t('saga.retry.text')}
        confirm={t('saga.retry')}
        draft={`saga.retry.${order.order_id}`}
        fields={[{ name: 'reason', label: t('order.reason'), kind: 'long', maxLength: 500 }]}
        send={(values, intention) =>
          told(
            api.POST('/api/admin/orders/{order_id}/saga/retry', {
              params: { path, header: { 'Idempotency-Key': intention } },
              body: { reason: values.reason ?? '' },
            }),
          )
        }
        done={(answer) => {
          reread();
          return answer && answer.missing_services.length > 0 ? 'saga.retry.partly' : 'saga.retry.done';
        }}
        refresh={reread}
      />
      <ActionButton
        available={canEnd}
        label={t('saga.force')}
        color="error"
        title={t('saga.force.title', { order: reference(order.order_id) })}
        text={t('saga.force.text')}
        confirm={t('saga.force')}
        draft={`saga.force.${order.order_id}`}
        fields={[{ name: 'reason', label: t('order.reason'), kind: 'long', required: true, maxLength: 500 }]}
        send={(values, intention) =>
          told(
            api.POST('/api/admin/orders/{order_id}/saga/force-cancel', {
              params: { path, header: { 'Idempotency-Key': intention } },
              body: { reason: values.reason ?? '' },
            }),
          )
        }
        done={() => {
          reread();
          return 'saga.force.done';
        }}
        refresh={reread}
      />
    </>
  );
}
