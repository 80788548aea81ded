import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { ActionButton } from '../../parts/ActionButton';
import { useMay } from '../../roles';
import { type Order, useReread } from './useOrder';

/** Decides about a risky order, where one waits and the person may. */
export function ReviewActions({ order }: { order: Order }) {
  const { t } = useWords();
  const reread = useReread(order.order_id);
  const mayReview = useMay('fraud_reviewer');
  if (!mayReview) return null;
  return (['approve', 'reject'] as const).map((decision) => (
    <ActionButton
      key={decision}
      available={order.hold_reason === 'in_review'}
      label={t(`review.${decision}`)}
      color={decision === 'reject' ? 'error' : 'primary'}
      variant={decision === 'reject' ? 'outlined' : 'contained'}
      title={t(`review.${decision}.title`)}
      text={t(`review.${decision}.text`)}
      confirm={t(`review.${decision}`)}
      draft={`review.${decision}.${order.order_id}`}
      fields={[{ name: 'reason', label: t('order.reason'), kind: 'long', required: true, maxLength: 500 }]}
      send={(values, intention) =>
        told(
          api.POST('/api/admin/reviews/{order_id}', {
            params: { path: { order_id: order.order_id }, header: { 'Idempotency-Key': intention } },
            body: { decision, reason: values.reason ?? '' },
          }),
        )
      }
      done={() => {
        reread();
        return `review.${decision}.done`;
      }}
      refresh={reread}
    />
  ));
}
