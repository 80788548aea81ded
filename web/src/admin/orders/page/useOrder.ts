import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef } from 'react';
import { api, told, toldWithVersion } from '../../../api/client';
import type { components } from '../../../api/schema/order';

export type Order = components['schemas']['OrderView'];
export type Shipment = components['schemas']['ShipmentView'];
export type Refund = components['schemas']['RefundView'];
export type Entry = components['schemas']['HistoryView'];
export type Saga = Omit<components['schemas']['SagaView'], 'history'> & { history: Entry[] };

const SOON = 3_000;
const LATER = 5_000;

const path = (order_id: string) => ({ params: { path: { order_id } } });

/** The order with its version, read again while the page is open; when it has changed, all that hangs on it is read again too. */
export function useOrder(orderId: string) {
  const queries = useQueryClient();
  const order = useQuery({
    queryKey: ['order', orderId, 'order'],
    queryFn: ({ signal }) => toldWithVersion(api.GET('/api/admin/orders/{order_id}', { ...path(orderId), signal })),
    refetchInterval: (query) => (query.state.data?.data.order_state === 'pending' ? SOON : LATER),
  });
  const version = order.data?.version;
  const seen = useRef(version);
  useEffect(() => {
    const isChanged = seen.current !== undefined && seen.current !== version;
    seen.current = version;
    const hangsOn = (key: readonly unknown[]) => key[0] === 'order' && key[1] === orderId && key[2] !== 'order';
    if (isChanged) void queries.invalidateQueries({ predicate: ({ queryKey }) => hangsOn(queryKey) });
  }, [queries, orderId, version]);
  return order;
}

export const useSaga = (orderId: string) =>
  useQuery({
    queryKey: ['order', orderId, 'saga'],
    queryFn: ({ signal }) => told(api.GET('/api/admin/orders/{order_id}/saga', { ...path(orderId), signal })) as Promise<Saga>,
    refetchInterval: (query) => (query.state.data?.waiting_for.length ? SOON : false),
  });

/** Read the order, and all that hangs on it, again. */
export function useReread(orderId: string): () => void {
  const queries = useQueryClient();
  return useCallback(() => {
    void queries.invalidateQueries({ queryKey: ['order', orderId] });
    void queries.invalidateQueries({ queryKey: ['orders'] });
  }, [queries, orderId]);
}
