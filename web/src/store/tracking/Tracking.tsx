import { useQuery } from '@tanstack/react-query';
import { api, told } from '../../api/client';
import { Problem } from '../../api/problem';
import { dayText } from '../../look/money';
import { useWords } from '../../words/words';
import { Failure } from '../parts/Note';
import { Page } from '../parts/Page';
import { Parcel } from './Parcel';

const LOOK_AGAIN_MS = 30_000;

/** Where the parcels of an order are, for whoever holds its link: neither who ordered what, nor where it goes. */
export default function Tracking({ token }: { token: string }) {
  const { t, locale } = useWords();
  const tracking = useQuery({
    queryKey: ['tracking', token],
    queryFn: () => told(api.GET('/api/tracking/{token}', { params: { path: { token } } })),
    refetchInterval: (query) => (query.state.error ? false : LOOK_AGAIN_MS),
  });
  const { error, data } = tracking;

  if (error instanceof Problem && [404, 410, 422].includes(error.status)) {
    const how = error.status === 410 ? 'expired' : 'unknown';
    return (
      <Page title={t(`track.${how}`)} narrow>
        <p>{t(`track.${how}_text`)}</p>
      </Page>
    );
  }
  if (!data) {
    return (
      <Page title={t('track.title')} narrow>
        {error ? <Failure error={error} again={() => void tracking.refetch()} /> : <p role="status">{t('track.loading')}</p>}
      </Page>
    );
  }
  const lead = <p className="lead">{t('track.of', { day: dayText(data.order_date, locale) })}</p>;
  return (
    <Page title={t('orders.order', { reference: data.reference })} narrow lead={lead}>
      {data.status === 'Cancelled' && <p>{t('track.cancelled')}</p>}
      {data.shipments.length === 0 && data.status !== 'Cancelled' && <p>{t('track.nothing_yet')}</p>}
      {data.shipments.map((parcel, at) => (
        <div key={parcel.shipment_id} className="card">
          <Parcel parcel={parcel} at={at} of={data.shipments.length} heading="h2" />
        </div>
      ))}
      {data.waiting_units > 0 && <p>{t('parcel.waiting', { smart_count: data.waiting_units })}</p>}
    </Page>
  );
}
