import InputAdornment from '@mui/material/InputAdornment';
import { digitsOf } from '../../../look/money';
import { useWords } from '../../../words/words';
import { Field } from './Field';
import { moneyRead, useTyped } from './typed';

/** An amount, typed in the way of the reader's language and kept in minor units; NaN where it is none. */
export function MoneyField({
  label,
  value,
  currency,
  set,
  fault,
  help,
  disabled = false,
  required = false,
}: {
  label: string;
  value: number | null;
  currency: string;
  set: (value: number | null) => void;
  fault?: string | undefined;
  help?: string;
  disabled?: boolean;
  required?: boolean;
}) {
  const { t, language } = useWords();
  const digits = digitsOf(currency);
  const shown = new Intl.NumberFormat(language, { minimumFractionDigits: digits, useGrouping: false });
  const read = (text: string) => moneyRead(text, currency);
  const { text, isWrong, type, leave } = useTyped(value, read, (amount) => shown.format(amount / 10 ** digits));
  return (
    <Field
      label={label}
      value={text}
      set={(next) => {
        type(next);
        set(read(next));
      }}
      onBlur={leave}
      fault={isWrong ? t('desks.no_amount') : fault}
      {...(help ? { help } : {})}
      disabled={disabled}
      required={required}
      slotProps={{
        htmlInput: { inputMode: 'decimal' },
        input: { endAdornment: <InputAdornment position="end">{currency}</InputAdornment> },
      }}
    />
  );
}
