import TextField from '@mui/material/TextField';
import { useState } from 'react';
import { useInput, useListContext } from 'react-admin';
import { digitsOf, moneyTyped } from '../../look/money';
import { useWords } from '../../words/words';

/** A filter by amount: people type 19.99, the service is asked in minor units. */
export function AmountInput({ source, label }: { source: string; label: string; alwaysOn?: boolean }) {
  const { t, language } = useWords();
  const { filterValues, data } = useListContext();
  const currency: string = filterValues?.currency ?? data?.[0]?.currency ?? 'EUR';
  const digits = digitsOf(currency);
  const { field, id } = useInput({ source, defaultValue: null });
  const [text, setText] = useState(() =>
    typeof field.value === 'number'
      ? (field.value / 10 ** digits).toLocaleString(language, { minimumFractionDigits: digits, useGrouping: false })
      : '',
  );
  const [isWrong, setWrong] = useState(false);

  const type = (typed: string) => {
    setText(typed);
    const amount = typed.trim() === '' ? null : moneyTyped(typed, currency);
    setWrong(amount === null && typed.trim() !== '');
    field.onChange(amount);
  };
  return (
    <TextField
      id={id}
      label={`${t(label)} (${currency})`}
      value={text}
      onChange={(event) => type(event.target.value)}
      error={isWrong}
      helperText={isWrong ? t('orders.field.no_amount') : ' '}
      slotProps={{ htmlInput: { inputMode: 'decimal' } }}
      margin="dense"
    />
  );
}
