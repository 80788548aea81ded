/** What belongs to an order and is asked for by itself; asked anew with each version of the order. */
import { keepPreviousData } from '@tanstack/react-query';
import { api, told } from '../../api/client';
import type { Order } from './useOrder';

const part = <T>(order: Order, name: string, read: (path: { order_id: string }) => Promise<T>) => ({
  queryKey: ['order', order.order_id, name, order.version],
  queryFn: () => read({ order_id: order.order_id }),
  placeholderData: keepPreviousData<T>,
});

export const historyQuery = (order: Order) =>
  part(order, 'history', (path) => told(api.GET('/api/orders/{order_id}/history', { params: { path } })));
export const trackingQuery = (order: Order) =>
  part(order, 'tracking', (path) => told(api.GET('/api/orders/{order_id}/tracking', { params: { path } })));
export const papersQuery = (order: Order) =>
  part(order, 'documents', (path) => told(api.GET('/api/orders/{order_id}/documents', { params: { path } })));
export const returnsQuery = (order: Order) =>
  part(order, 'returns', (path) => told(api.GET('/api/orders/{order_id}/returns', { params: { path } })));
export const changesQuery = (order: Order) =>
  part(order, 'edits', (path) => told(api.GET('/api/orders/{order_id}/edits', { params: { path } })));
