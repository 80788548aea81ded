import InputAdornment from '@mui/material/InputAdornment';
import { useState } from 'react';
import { moneyTyped } from '../../../look/money';
import { useWords } from '../../../words/words';
import { Field } from './Field';

/** An amount, typed in the way of the reader's language and kept in minor units. */
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
  const [typed, setTyped] = useState<string | null>(null);
  const digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
  const shown = new Intl.NumberFormat(language, { minimumFractionDigits: digits, useGrouping: false });
  const wrong = typed !== null && typed.trim() !== '' && moneyTyped(typed, currency) === null;
  return (
    <Field
      label={label}
      value={typed ?? (value === null ? '' : shown.format(value / 10 ** digits))}
      set={(text) => {
        setTyped(text);
        const amount = moneyTyped(text, currency);
        if (amount !== null) set(amount);
        else if (text.trim() === '') set(null);
      }}
      onBlur={() => {
        if (!wrong) setTyped(null);
      }}
      fault={wrong ? t('desks.no_amount') : fault}
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
