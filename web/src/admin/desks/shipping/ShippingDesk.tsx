/** The warehouse's work: the parcels to be sent, oldest first; labels, the pick list, dispatch by scan, and what is kept back. */
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link as RouterLink } from 'react-router-dom';
import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { useLabel } from '../../parts/useLabel';
import { useMay } from '../../roles';
import { Choice } from '../kit/Choice';
import { Bar, Desk, Part } from '../kit/Desk';
import { Mark } from '../kit/Mark';
import { Outcome } from '../kit/Outcome';
import { Rows } from '../kit/Rows';
import { OrderRef, shortName } from '../kit/refs';
import { useChoice } from '../kit/useChoice';
import { useEach } from '../kit/useEach';
import { WarehouseChoice } from '../kit/WarehouseChoice';
import { HoldAsk } from './HoldAsk';
import { LabelAsk } from './LabelAsk';
import { ParcelActions } from './ParcelActions';
import { ScanField } from './ScanField';
import { useWork } from './useWork';
import { linesOf, type Work } from './work';

export const STATES = ['planned', 'held', 'moving', 'dispatched', 'delivered', 'cancelled'] as const;

export function ShippingDesk() {
  const { t } = useWords();
  const queries = useQueryClient();
  const [state, setState] = useChoice('state', 'planned');
  const [warehouse, setWarehouse] = useChoice('warehouse');
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [labelled, setLabelled] = useState<Work | null>(null);
  const [held, setHeld] = useState<Work | null>(null);
  const { results, busy, each, forget } = useEach();
  const pages = useWork(state, warehouse);
  const ships = useMay('support', 'warehouse');
  const open = state === 'planned' && ships;
  const byId = new Map(pages.rows.map((work) => [work.shipment_id, work]));

  const onEach = async (act: (work: Work) => Promise<string>) => {
    const keys = [...picked].filter((key) => byId.has(key));
    const failed = await each(keys, (key) => act(byId.get(key) as Work));
    setPicked(new Set(failed));
    void queries.invalidateQueries({ queryKey: ['shipments'] });
  };
  const buy = async ({ order_id, shipment_id }: Work) => {
    const path = { order_id, shipment_id };
    await told(api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/label', { params: { path } }));
    return t('shipping.label_ordered');
  };
  const send = async ({ order_id, shipment_id }: Work) => {
    const path = { order_id, shipment_id };
    await told(api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/dispatch', { params: { path } }));
    return t('shipping.dispatched');
  };

  return (
    <Desk
      title={t('shipping.title')}
      intro={t('shipping.intro')}
      actions={
        <Button
          component={RouterLink}
          to={`/shipping/picks${warehouse ? `?warehouse=${encodeURIComponent(warehouse)}` : ''}`}
          variant="outlined"
        >
          {t('shipping.picks')}
        </Button>
      }
    >
      {ships ? <ScanField queue={state === 'planned' ? pages.rows : []} /> : null}
      <Part>
        <Bar label={t('desks.filters')}>
          <Choice
            label={t('shipping.state')}
            value={state}
            set={(value) => {
              setPicked(new Set());
              forget();
              setState(value);
            }}
            of={STATES.map((value) => ({ value, label: t(`state.${value}`) }))}
          />
          <WarehouseChoice value={warehouse} set={setWarehouse} any />
        </Bar>
        {open ? (
          <Bar label={t('desks.for_picked')}>
            <Typography component="span" aria-live="polite">
              {t('desks.picked', { smart_count: picked.size })}
            </Typography>
            <Button disabled={!picked.size} loading={busy} variant="outlined" onClick={() => void onEach(buy)}>
              {t('shipping.buy_labels')}
            </Button>
            <Button disabled={!picked.size} loading={busy} variant="outlined" onClick={() => void onEach(send)}>
              {t('shipping.dispatch')}
            </Button>
          </Bar>
        ) : null}
        <Rows
          caption={t('shipping.title')}
          pages={pages}
          rowKey={(work) => work.shipment_id}
          empty={t(state === 'planned' ? 'shipping.all_done' : 'desks.none')}
          {...(open ? { picking: { picked, set: setPicked, name: (key: string) => shortName(key) } } : {})}
          note={(work) => {
            const result = results.get(work.shipment_id);
            return result ? <Outcome of={result} /> : null;
          }}
          columns={[
            {
              name: 'parcel',
              label: t('shipping.parcel'),
              cell: (work) => (
                <div>
                  <strong style={{ fontFamily: 'monospace' }}>{shortName(work.shipment_id)}</strong>
                  <br />
                  <OrderRef id={work.order_id} />
                </div>
              ),
            },
            { name: 'warehouse', label: t('shipping.warehouse'), cell: (work) => work.warehouse_id },
            { name: 'to', label: t('shipping.to'), cell: (work) => <Destination of={work} /> },
            {
              name: 'units',
              label: t('shipping.units'),
              cell: (work) => (
                <div>
                  {linesOf(work).map((line) => (
                    <div key={line.item_id}>
                      {line.quantity} × {line.product_id}
                    </div>
                  ))}
                </div>
              ),
            },
            { name: 'label', label: t('shipping.label'), cell: (work) => <LabelCell work={work} /> },
            {
              name: 'actions',
              label: t('desks.actions'),
              actions: true,
              cell: (work) =>
                ships ? <ParcelActions work={work} label={() => setLabelled(work)} hold={() => setHeld(work)} /> : null,
            },
          ]}
        />
      </Part>
      {labelled ? <LabelAsk work={byId.get(labelled.shipment_id) ?? labelled} onClose={() => setLabelled(null)} /> : null}
      {held ? <HoldAsk work={held} onClose={() => setHeld(null)} /> : null}
    </Desk>
  );
}

function Destination({ of }: { of: Work }) {
  const { name, postal_code, city, country } = of.shipping_address as Record<string, string>;
  return (
    <div>
      {name}
      <br />
      {postal_code} {city}, {country}
    </div>
  );
}

function LabelCell({ work }: { work: Work }) {
  const { t } = useWords();
  if (work.status === 'held') return <HeldFor reason={work.hold_reason} />;
  if (work.tracking_number) {
    return (
      <div>
        {work.carrier}
        <br />
        <span style={{ fontFamily: 'monospace' }}>{work.tracking_number}</span>
      </div>
    );
  }
  return <span>{t(work.label_id ? 'shipping.label_coming' : 'shipping.no_label')}</span>;
}

function HeldFor({ reason }: { reason: string | null }) {
  const label = useLabel();
  return (
    <div>
      <Mark of="held" /> {reason && label('hold', reason)}
    </div>
  );
}
