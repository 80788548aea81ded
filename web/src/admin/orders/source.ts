/** Orders as the panel's list asks for them: its fields are those of people (days, minutes), the service's are moments and seconds. */
import { api, told, toldWithVersion } from '../../api/client';
import type { components, operations } from '../../api/schema/order';
import type { ListQuery, Source } from '../provide/source';

export type OrderRow = components['schemas']['OrderView'];
export type Counts = components['schemas']['OrderCounts'];
export type OrderQuery = NonNullable<operations['list_all_orders_api_admin_orders_get']['parameters']['query']>;

/** What the list is narrowed to. Days are the reader's own, from midnight to midnight. */
export interface OrderFilter
  extends Omit<OrderQuery, 'placed_from' | 'placed_before' | 'stuck_for_seconds' | 'cursor' | 'limit'> {
  day_from?: string;
  day_to?: string;
  stuck_minutes?: number;
}

const midnight = (day: string, later = 0): string => {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  return new Date(year, month - 1, date + later).toISOString();
};

const isSaid = (value: unknown): boolean => value !== undefined && value !== null && value !== '' && value !== false;

/** Say a filter of the list in the service's words. */
export function queryOf(filter: OrderFilter, sort?: ListQuery['sort']): OrderQuery {
  const { day_from, day_to, stuck_minutes, ...same } = filter;
  const query: OrderQuery = Object.fromEntries(Object.entries(same).filter(([, value]) => isSaid(value)));
  if (day_from) query.placed_from = midnight(day_from);
  if (day_to) query.placed_before = midnight(day_to, 1);
  if (isSaid(stuck_minutes)) query.stuck_for_seconds = Math.round(Number(stuck_minutes) * 60);
  if (sort?.field === 'total_amount') query.sort = sort.order === 'ASC' ? 'lowest' : 'highest';
  else if (sort) query.sort = sort.order === 'ASC' ? 'oldest' : 'newest';
  return query;
}

export const orderSource: Source<OrderRow> = {
  id: (order) => order.order_id,
  list: ({ cursor, limit, filter, sort }, signal) =>
    told(api.GET('/api/admin/orders', { params: { query: { ...queryOf(filter, sort), cursor, limit } }, signal })),
  one: (order_id, signal) =>
    toldWithVersion(api.GET('/api/admin/orders/{order_id}', { params: { path: { order_id } }, signal })),
};

/** The name that customers and staff call an order by. */
export const reference = (orderId: string): string => `#${orderId.slice(-8).toUpperCase()}`;

export const today = (): string => {
  const now = new Date();
  return `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, '0')}-${String(now.getDate()).padStart(2, '0')}`;
};
