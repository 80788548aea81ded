import { api, told, toldWithVersion } from '../../api/client';
import type { components } from '../../api/schema/order';
import type { Source } from '../provide/source';

export type OrderRow = components['schemas']['OrderView'];

export const orderSource: Source<OrderRow> = {
  id: (order) => order.order_id,
  list: ({ cursor, limit, filter }, signal) =>
    told(api.GET('/api/admin/orders', { params: { query: { ...filter, cursor, limit } }, signal })),
  one: (order_id, signal) =>
    toldWithVersion(api.GET('/api/admin/orders/{order_id}', { params: { path: { order_id } }, signal })),
};
