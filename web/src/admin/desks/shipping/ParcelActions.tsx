import Button from '@mui/material/Button';
import { useNotify } from 'react-admin';
import { api, told } from '../../../api/client';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { openPaper } from '../kit/document';
import { shortName } from '../kit/refs';
import { keyed, useAct } from '../kit/useAct';
import type { Work } from './work';

/** What can be done with one parcel, by its state. */
export function ParcelActions({ work, label, hold }: { work: Work; label: () => void; hold: () => void }) {
  const { t } = useWords();
  const say = useProblemText();
  const notify = useNotify();
  const { order_id, shipment_id } = work;
  const path = { order_id, shipment_id };
  const told_off = (error: unknown) => notify(say(error), { type: 'error', messageArgs: { _: say(error) } });
  const release = useAct(
    (_: null, key) =>
      told(api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/release', { params: { path, header: keyed(key) } })),
    { said: () => t('shipping.released'), stale: ['shipments'] },
  );
  const deliver = useAct(
    (_: null, key) =>
      told(api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/deliver', { params: { path, header: keyed(key) } })),
    { said: () => t('shipping.delivered'), stale: ['shipments'] },
  );
  const named = (text: string) => `${text}: ${shortName(shipment_id)}`;
  const refusal = release.error ?? deliver.error;
  return (
    <>
      {work.tracking_number ? (
        <Button
          aria-label={named(t('shipping.print_label'))}
          onClick={() => void openPaper(`/api/admin/orders/${order_id}/shipments/${shipment_id}/label`).catch(told_off)}
        >
          {t('shipping.print_label')}
        </Button>
      ) : null}
      {work.status === 'planned' ? (
        <>
          <Button onClick={label} aria-label={named(t('shipping.label'))}>
            {t('shipping.label')}
          </Button>
          <Button onClick={hold} color="warning" aria-label={named(t('shipping.hold'))}>
            {t('shipping.hold')}
          </Button>
        </>
      ) : null}
      {work.status === 'held' ? (
        <Button onClick={() => void release.run(null)} loading={release.busy} aria-label={named(t('shipping.release'))}>
          {t('shipping.release')}
        </Button>
      ) : null}
      {work.status === 'dispatched' ? (
        <Button onClick={() => void deliver.run(null)} loading={deliver.busy} aria-label={named(t('shipping.deliver'))}>
          {t('shipping.deliver')}
        </Button>
      ) : null}
      {refusal ? <div role="alert">{say(refusal)}</div> : null}
    </>
  );
}
