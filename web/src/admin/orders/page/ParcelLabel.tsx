import CircularProgress from '@mui/material/CircularProgress';
import { useQuery } from '@tanstack/react-query';
import { api, told } from '../../../api/client';
import { moneyText } from '../../../look/money';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { ActionDialog } from '../../parts/ActionDialog';
import { ActionField } from '../../parts/ActionField';
import { Failed } from '../../parts/Failed';
import { sendParcelAction } from './parcel';
import { type Order, type Shipment, useReread } from './useOrder';

/** Asks carriers what they would take the parcel for, and has the label bought. */
export function ParcelLabel({ order, parcel, onClose }: { order: Order; parcel: Shipment; onClose: () => void }) {
  const { t, language } = useWords();
  const say = useProblemText();
  const reread = useReread(order.order_id);
  const path = { order_id: order.order_id, shipment_id: parcel.shipment_id };
  const rates = useQuery({
    queryKey: ['order', order.order_id, 'rates', parcel.shipment_id],
    queryFn: () => told(api.GET('/api/admin/orders/{order_id}/shipments/{shipment_id}/rates', { params: { path } })),
  });
  const offers = (rates.data?.items ?? []).map((rate) => ({
    value: `${rate.carrier}\n${rate.service}`,
    label: [
      `${rate.carrier} ${rate.service}`,
      moneyText(rate.cost, language),
      rate.delivery_days !== null && t('parcel.label.days', { smart_count: rate.delivery_days }),
    ]
      .filter(Boolean)
      .join(' · '),
  }));
  return (
    <ActionDialog
      title={t('parcel.label.title')}
      text={t('parcel.label.text')}
      confirm={t('parcel.label')}
      draft={`parcel.label.${parcel.shipment_id}`}
      send={(values, intention) => sendParcelAction('label', order, parcel, values, intention, null)}
      done={() => {
        reread();
        return 'parcel.label.done';
      }}
      refresh={reread}
      onClose={onClose}
    >
      {(values, change, failure) => (
        <>
          {rates.isPending && <CircularProgress size={24} aria-label={t('ra.page.loading')} />}
          {rates.error && <Failed text={say(rates.error)} again={rates.refetch} />}
          {rates.data?.objections.map((one) => (
            <Failed key={one.carrier} text={`${one.carrier}: ${one.message}`} />
          ))}
          {rates.data && (
            <ActionField
              id="offer"
              spec={{
                name: 'offer',
                label: t('parcel.label.offer'),
                kind: 'choice',
                help: t('parcel.label.help'),
                choices: offers,
              }}
              value={offers.some((offer) => offer.value === values.offer) ? (values.offer ?? '') : ''}
              error={failure?.of('carrier')}
              onChange={(value) => change('offer', value)}
            />
          )}
        </>
      )}
    </ActionDialog>
  );
}
