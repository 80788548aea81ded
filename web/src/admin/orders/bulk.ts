/** What can be done to many orders at once: each order is asked by itself, and each has a result of its own. */
import { api, newIntention, told } from '../../api/client';
import { Problem } from '../../api/problem';
import type { OrderRow } from './source';

export const BULK_ACTIONS = ['cancel', 'dispatch', 'deliver', 'hold', 'release'] as const;
export type BulkAction = (typeof BULK_ACTIONS)[number];

const AT_ONCE = 4;
const STATUS = { cancel: 'Cancelled', dispatch: 'Shipped', deliver: 'Delivered' } as const;

export type Result = 'waiting' | 'done' | { nothing: true } | { error: unknown };

const setStatus = (order_id: string, status: 'Cancelled' | 'Shipped' | 'Delivered', notes: string, key: string) =>
  told(
    api.PUT('/api/admin/orders/{order_id}/status', {
      params: { path: { order_id }, header: { 'Idempotency-Key': key } },
      body: { status, notes },
    }),
  );

/** Do it to one order; answers whether there was something to do. `key` stands for the wish: sent again, it does nothing twice. */
export async function act(action: BulkAction, order: OrderRow, reason: string, key: string): Promise<boolean> {
  const { order_id } = order;
  if (action !== 'hold' && action !== 'release') {
    await setStatus(order_id, STATUS[action], reason, key);
    return true;
  }
  const parcels = order.shipments.filter((parcel) => parcel.status === (action === 'hold' ? 'planned' : 'held'));
  for (const { shipment_id } of parcels) {
    const path = { order_id, shipment_id };
    const header = { 'Idempotency-Key': `${key}.${shipment_id.slice(-12)}` };
    const params = { path, header };
    if (action === 'hold') {
      await told(api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/hold', { params, body: { reason } }));
    } else await told(api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/release', { params }));
  }
  return parcels.length > 0;
}

/** Do it to all of them, a few at once; `tell` hears each result as it comes. */
export async function actOnAll(
  action: BulkAction,
  orders: readonly OrderRow[],
  reason: string,
  keys: Map<string, string>,
  tell: (orderId: string, result: Result) => void,
): Promise<void> {
  const queue = [...orders];
  const worker = async () => {
    for (let order = queue.shift(); order; order = queue.shift()) {
      const key = keys.get(order.order_id) ?? newIntention();
      keys.set(order.order_id, key);
      try {
        tell(order.order_id, (await act(action, order, reason, key)) ? 'done' : { nothing: true });
      } catch (error) {
        if (error instanceof Problem && error.status >= 400 && error.status < 500) keys.delete(order.order_id); // decided: no
        tell(order.order_id, { error });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
