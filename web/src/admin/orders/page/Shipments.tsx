import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { moneyText } from '../../../look/money';
import { useWords } from '../../../words/words';
import { Card } from '../../parts/Card';
import { Facts } from '../../parts/Facts';
import { Moment } from '../../parts/Moment';
import { StateChip } from '../../parts/StateChip';
import { useLabel } from '../../parts/useLabel';
import { useMay } from '../../roles';
import { ParcelActions } from './ParcelActions';
import type { Order, Shipment } from './useOrder';

/** The parcels of the order. */
export function Shipments({ order, version }: { order: Order; version: string | null }) {
  const { t } = useWords();
  const mayShip = useMay('support', 'warehouse');
  return (
    <Card title={t('shipments.title')} id="shipments">
      {order.shipments.length === 0 && <Typography color="text.secondary">{t('shipments.none')}</Typography>}
      {order.shipments.map((parcel, at) => (
        <Box
          key={parcel.shipment_id}
          component="article"
          aria-label={t('shipments.parcel', { number: at + 1 })}
          sx={{ borderTop: at === 0 ? 0 : 1, borderColor: 'divider', py: 1.5 }}
        >
          <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1, alignItems: 'center', pb: 1 }}>
            <Typography variant="h3">{t('shipments.parcel', { number: at + 1 })}</Typography>
            <StateChip area="shipment" state={parcel.status} />
            <Box sx={{ flexGrow: 1 }} />
            {mayShip && <ParcelActions order={order} parcel={parcel} number={at + 1} version={version} />}
          </Box>
          <Contents order={order} parcel={parcel} />
        </Box>
      ))}
    </Card>
  );
}

function Contents({ order, parcel }: { order: Order; parcel: Shipment }) {
  const { t, language } = useWords();
  const label = useLabel();
  const names = new Map(order.items.map((item) => [item.item_id, item.name]));
  return (
    <Facts
      facts={[
        [
          t('shipments.contents'),
          parcel.lines.map((line) => `${line.quantity} × ${names.get(line.item_id) ?? line.product_id}`).join(', '),
        ],
        [t('shipments.warehouse'), parcel.moving_to ? `${parcel.warehouse_id} → ${parcel.moving_to}` : parcel.warehouse_id],
        [t('shipments.worth'), moneyText(parcel.amount, language)],
        [t('shipments.held_since'), parcel.hold_reason && label('hold', parcel.hold_reason)],
        [t('shipments.carrier'), [parcel.carrier, parcel.service].filter(Boolean).join(' ')],
        [t('shipments.tracking_number'), parcel.tracking_number],
        [t('shipments.tracking'), parcel.tracking_status && label('tracking', parcel.tracking_status)],
        [t('shipments.dispatched'), parcel.dispatched_at && <Moment at={parcel.dispatched_at} />],
        [t('shipments.delivered'), parcel.delivered_at && <Moment at={parcel.delivered_at} />],
      ]}
    />
  );
}
