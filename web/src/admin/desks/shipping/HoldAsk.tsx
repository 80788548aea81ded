import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { Ask } from '../kit/Ask';
import { Field } from '../kit/Field';
import { shortName } from '../kit/refs';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';
import type { Work } from './work';

export function HoldAsk({ work, onClose }: { work: Work; onClose: () => void }) {
  const { t } = useWords();
  const { order_id, shipment_id } = work;
  const [form, change, clear] = useDraft(`hold.${shipment_id}`, { reason: '' });
  const hold = useAct(
    (body: { reason: string }, key) =>
      told(
        api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/hold', {
          params: { path: { order_id, shipment_id }, header: keyed(key) },
          body,
        }),
      ),
    {
      said: () => t('shipping.held'),
      stale: ['shipments'],
      done: () => {
        clear();
        onClose();
      },
    },
  );
  return (
    <Ask
      title={t('shipping.hold_title', { parcel: shortName(shipment_id) })}
      submit={t('shipping.hold')}
      busy={hold.busy}
      disabled={!form.reason.trim()}
      error={hold.error}
      onSubmit={() => void hold.run({ reason: form.reason.trim() })}
      onClose={onClose}
    >
      <Field
        label={t('desks.reason')}
        value={form.reason}
        set={(reason) => change({ reason })}
        help={t('shipping.hold_help')}
        required
        autoFocus
        slotProps={{ htmlInput: { maxLength: 100 } }}
      />
    </Ask>
  );
}
