import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { ActionButton } from '../../parts/ActionButton';
import { useMay } from '../../roles';
import { reference } from '../source';
import { type Order, useReread } from './useOrder';

const STEPS = [
  { action: 'dispatch', status: 'Shipped', color: 'primary' },
  { action: 'deliver', status: 'Delivered', color: 'primary' },
  { action: 'cancel', status: 'Cancelled', color: 'error' },
] as const;

/** What staff may do to the order now: what the service allows, for those whose role may. */
export function OrderActions({ order, version }: { order: Order; version: string | null }) {
  const { t } = useWords();
  const reread = useReread(order.order_id);
  const mayShip = useMay('support', 'warehouse');
  if (!mayShip) return null;
  return STEPS.map(({ action, status, color }) => (
    <ActionButton
      key={action}
      available={order.allowed_actions.includes(action)}
      label={t(`order.${action}`)}
      color={color}
      variant={color === 'error' ? 'outlined' : 'contained'}
      title={t(`order.${action}.title`, { order: reference(order.order_id) })}
      text={t(`order.${action}.text`)}
      confirm={t(`order.${action}`)}
      draft={`${action}.${order.order_id}`}
      fields={[{ name: 'notes', label: t('order.reason'), kind: 'long', maxLength: 500, required: action === 'cancel' }]}
      send={(values, intention) =>
        told(
          api.PUT('/api/admin/orders/{order_id}/status', {
            params: {
              path: { order_id: order.order_id },
              header: { 'Idempotency-Key': intention, ...(version ? { 'If-Match': version } : {}) },
            },
            body: { status, notes: values.notes ?? '' },
          }),
        )
      }
      done={() => {
        reread();
        return `order.${action}.done`;
      }}
      refresh={reread}
    />
  ));
}
