import { useMutation, useQuery } from '@tanstack/react-query';
import { api, told } from '../../api/client';
import { dayText } from '../../look/money';
import { useWords } from '../../words/words';
import { Failure } from '../parts/Note';
import { Parcel } from '../tracking/Parcel';
import { trackingQuery } from './parts';
import type { Order } from './useOrder';

/** A link for whoever waits for the parcels in the customer's place. */
function ShareLink({ order }: { order: Order }) {
  const { t, locale } = useWords();
  const link = useMutation({
    mutationFn: () =>
      told(api.POST('/api/orders/{order_id}/tracking-link', { params: { path: { order_id: order.order_id } } })),
  });
  if (!link.data) {
    return (
      <div>
        <button type="button" className="button quiet" disabled={link.isPending} onClick={() => link.mutate()}>
          {t('parcels.share')}
        </button>
        {link.error && <Failure error={link.error} />}
      </div>
    );
  }
  return (
    <p role="status">
      <a href={link.data.url} className="long-link">
        {link.data.url}
      </a>{' '}
      <span className="soft">{t('parcels.link_until', { day: dayText(link.data.expires_at, locale) })}</span>
    </p>
  );
}

/** The parcels of an order, where they are and what is in them. */
export function Parcels({ order }: { order: Order }) {
  const { t } = useWords();
  const there =
    order.shipments.some((one) => one.status !== 'cancelled') || (order.backordered.length > 0 && order.status !== 'Cancelled');
  const tracking = useQuery({ ...trackingQuery(order), enabled: there });
  if (!there) return null;
  const names = new Map(order.items.map((item) => [item.item_id, item.name]));
  const shipments = tracking.data?.shipments ?? [];
  return (
    <section className="card">
      <h2>{t('parcels.title')}</h2>
      {tracking.error && !tracking.data && <Failure error={tracking.error} again={() => void tracking.refetch()} />}
      {shipments.map((parcel, at) => (
        <Parcel
          key={parcel.shipment_id}
          parcel={parcel}
          at={at}
          of={shipments.length}
          contents={parcel.lines.map((line) => `${line.quantity} × ${names.get(line.item_id) ?? line.product_id}`).join(', ')}
        />
      ))}
      {tracking.data && tracking.data.waiting_units > 0 && (
        <p>{t('parcel.waiting', { smart_count: tracking.data.waiting_units })}</p>
      )}
      {shipments.length > 0 && <ShareLink order={order} />}
    </section>
  );
}
