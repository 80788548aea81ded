import FormControl from '@mui/material/FormControl';
import FormControlLabel from '@mui/material/FormControlLabel';
import FormLabel from '@mui/material/FormLabel';
import Radio from '@mui/material/Radio';
import RadioGroup from '@mui/material/RadioGroup';
import { api, told } from '../../../api/client';
import { Problem } from '../../../api/problem';
import type { components } from '../../../api/schema/payment';
import { moneyText } from '../../../look/money';
import { useWords } from '../../../words/words';
import { Ask } from '../kit/Ask';
import { Field } from '../kit/Field';
import { MoneyField } from '../kit/MoneyField';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';
import { useShopCurrency } from '../kit/useShopCurrency';

type Transfer = components['schemas']['TransferBody'];

const today = (): string => new Date().toISOString().slice(0, 10);

/** Enter a transfer as the bank statement shows it: money that came, or that was sent back. */
export function TransferEntry({ reference, back, onClose }: { reference: string; back: boolean; onClose: () => void }) {
  const { t, language } = useWords();
  const currency = useShopCurrency();
  const [form, change, clear] = useDraft(`transfer-${back ? 'back' : 'in'}.${reference}`, {
    reference,
    way: back ? 'back' : 'in',
    amount: null as number | null,
    day: today(),
    bank_reference: '',
  });
  const enter = useAct(
    (body: Transfer, key) => told(api.POST('/api/admin/transfers', { params: { header: keyed(key) }, body })),
    {
      said: (row) => t('transfers.entered', { reference: row.reference, received: moneyText(row.received, language) }),
      stale: ['transfers'],
      done: () => {
        clear();
        onClose();
      },
    },
  );
  const refusal = enter.error instanceof Problem ? enter.error : null;
  return (
    <Ask
      title={t('transfers.enter')}
      submit={t('transfers.enter')}
      busy={enter.busy}
      disabled={!form.reference.trim() || !form.amount || !form.day || !form.bank_reference.trim()}
      error={enter.error}
      shown={['reference', 'amount', 'received_at', 'bank_reference']}
      onSubmit={() =>
        void enter.run({
          reference: form.reference.trim().toUpperCase(),
          amount: form.way === 'back' ? -(form.amount ?? 0) : (form.amount ?? 0),
          currency,
          received_at: `${form.day}T12:00:00Z`,
          bank_reference: form.bank_reference.trim(),
        })
      }
      onClose={onClose}
    >
      <FormControl>
        <FormLabel id="way">{t('transfers.way')}</FormLabel>
        <RadioGroup row aria-labelledby="way" value={form.way} onChange={(event) => change({ way: event.target.value })}>
          <FormControlLabel value="in" control={<Radio />} label={t('transfers.in')} />
          <FormControlLabel value="back" control={<Radio />} label={t('transfers.sent_back')} />
        </RadioGroup>
      </FormControl>
      <Field
        label={t('transfers.reference')}
        value={form.reference}
        set={(value) => change({ reference: value })}
        fault={refusal?.of('reference')}
        help="WB-4F2A91C7"
        required
      />
      <MoneyField
        label={t('desks.amount')}
        value={form.amount}
        currency={currency}
        set={(amount) => change({ amount })}
        fault={refusal?.of('amount')}
        required
      />
      <Field
        label={t('transfers.day')}
        type="date"
        value={form.day}
        set={(day) => change({ day })}
        fault={refusal?.of('received_at')}
        required
        slotProps={{ inputLabel: { shrink: true } }}
      />
      <Field
        label={t('transfers.bank_reference')}
        value={form.bank_reference}
        set={(bank_reference) => change({ bank_reference })}
        fault={refusal?.of('bank_reference')}
        help={t('transfers.bank_help')}
        required
        slotProps={{ htmlInput: { maxLength: 100 } }}
      />
    </Ask>
  );
}
