import Checkbox from '@mui/material/Checkbox';
import FormControlLabel from '@mui/material/FormControlLabel';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/order';
import { useWords } from '../../../words/words';
import { Ask } from '../kit/Ask';
import { Choice } from '../kit/Choice';
import { Field } from '../kit/Field';
import { shortName } from '../kit/refs';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';
import type { Return } from './receipt';

/** Why the shop declines; a customer withdraws a return themselves. */
type Refused = Exclude<components['schemas']['ReturnRefusal'], 'customer'>;

const REASONS: Refused[] = ['staff', 'window_over', 'final_sale', 'not_received'];

/** Approve or decline a return, with words for the customer. */
export function DecideReturnAsk({
  back,
  decision,
  onClose,
}: {
  back: Return;
  decision: 'approve' | 'decline';
  onClose: () => void;
}) {
  const { t } = useWords();
  const [form, change, clear] = useDraft(`return.${back.return_id}`, {
    notes: '',
    reason: 'staff' as Refused,
    exchange: true,
  });
  const { order_id, return_id } = back;
  const decide = useAct(
    ({ exchange, ...body }: { notes: string; reason: Refused; exchange: boolean }, key) => {
      const params = { path: { order_id, return_id }, header: keyed(key) };
      return decision === 'approve'
        ? told(
            api.POST('/api/admin/orders/{order_id}/returns/{return_id}/approve', {
              params,
              body: { notes: body.notes, exchange },
            }),
          )
        : told(api.POST('/api/admin/orders/{order_id}/returns/{return_id}/decline', { params, body }));
    },
    {
      said: () => t(decision === 'approve' ? 'returns.approved' : 'returns.declined'),
      stale: ['returns'],
      done: () => {
        clear();
        onClose();
      },
    },
  );
  return (
    <Ask
      title={t(decision === 'approve' ? 'returns.approve_title' : 'returns.decline_title', { name: shortName(return_id) })}
      submit={t(decision === 'approve' ? 'returns.approve' : 'returns.decline')}
      danger={decision === 'decline'}
      busy={decide.busy}
      disabled={decision === 'decline' && !form.notes.trim()}
      error={decide.error}
      onSubmit={() => void decide.run({ notes: form.notes.trim(), reason: form.reason, exchange: form.exchange })}
      onClose={onClose}
    >
      {decision === 'decline' ? (
        <Choice
          label={t('returns.reason')}
          value={form.reason}
          set={(reason) => change({ reason: reason as Refused })}
          of={REASONS.map((value) => ({ value, label: t(`refusal.${value}`) }))}
          full
        />
      ) : null}
      {decision === 'approve' && back.exchange ? (
        <FormControlLabel
          control={<Checkbox checked={form.exchange} onChange={(event) => change({ exchange: event.target.checked })} />}
          label={t('returns.with_exchange')}
        />
      ) : null}
      <Field
        label={t('returns.decision_notes')}
        value={form.notes}
        set={(notes) => change({ notes })}
        help={t('returns.notes_help')}
        required={decision === 'decline'}
        multiline
        minRows={3}
        slotProps={{ htmlInput: { maxLength: 500 } }}
      />
    </Ask>
  );
}
