import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { Ask } from '../kit/Ask';
import { Field } from '../kit/Field';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';
import type { Letter } from './letters';

/** Give letters up, with the reason; those that were given up when one is refused stay so. */
export function DiscardAsk({ letters, onClose }: { letters: Letter[]; onClose: () => void }) {
  const { t } = useWords();
  const [form, change, clear] = useDraft('discard', { reason: '' });
  const discard = useAct(
    async (reason: string, key) => {
      for (const { service, id } of letters) {
        const path =
          `/api/admin/dead-letters/${service}/{letter_id}/discard` as '/api/admin/dead-letters/order/{letter_id}/discard';
        const params = { path: { letter_id: id }, header: keyed(`${key}-${id}`) };
        await told(api.POST(path, { params, body: { reason } }));
      }
    },
    {
      said: () => t('letters.discarded', { smart_count: letters.length }),
      stale: ['dead-letters'],
      done: () => {
        clear();
        onClose();
      },
    },
  );
  return (
    <Ask
      title={t('letters.discard_title', { smart_count: letters.length })}
      submit={t('letters.discard')}
      danger
      busy={discard.busy}
      disabled={!form.reason.trim()}
      error={discard.error}
      onSubmit={() => void discard.run(form.reason.trim())}
      onClose={onClose}
    >
      <Field
        label={t('desks.reason')}
        value={form.reason}
        set={(reason) => change({ reason })}
        help={t('letters.discard_help')}
        required
        slotProps={{ htmlInput: { maxLength: 200 } }}
      />
    </Ask>
  );
}
