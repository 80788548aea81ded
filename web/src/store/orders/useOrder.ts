import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { api, told } from '../../api/client';
import { follow } from '../../api/live';
import type { components } from '../../api/schema/order';

export type Order = components['schemas']['OrderView'];

const UNDECIDED_MS = 1_500;

/** Whether an order came about, was refused, or waits for its customer or a person of the shop. */
export const isDecided = (order: Order): boolean =>
  order.status !== 'Pending' || order.payment_action !== null || order.hold_reason !== null;

export const orderQuery = (id: string) => ({
  queryKey: ['order', id],
  queryFn: () => told(api.GET('/api/orders/{order_id}', { params: { path: { order_id: id } } })),
});

/** Name a version of an order for the `If-Match` of a change to it. */
export const versionOf = (order: Order): string => `"${order.version}"`;

/** An order as it is now, followed as it changes; an older state never takes the place of a newer one. */
export function useOrder(id: string | null) {
  const queries = useQueryClient();
  const order = useQuery({
    ...orderQuery(id ?? ''),
    enabled: id !== null,
    // What payment asks of the customer is no fact of the order's, so its stream tells of it only now and then.
    refetchInterval: (query) => (query.state.data && !isDecided(query.state.data) ? UNDECIDED_MS : false),
    structuralSharing: (before, after) => {
      const [old, next] = [before as Order | undefined, after as Order];
      return old && old.version > next.version ? old : next;
    },
  });
  const there = order.data !== undefined;

  useEffect(() => {
    if (id === null || !there) return;
    return follow(`/api/orders/${id}/events`, {
      onData: (data) => queries.setQueryData(['order', id], JSON.parse(data) as Order),
    });
  }, [id, there, queries]);
  return order;
}
