import { useState } from 'react';
import { useWords } from '../../../words/words';
import { Field } from './Field';

/** A whole number; what is no number stays in the field, and is said to be none. */
export function NumberField({
  label,
  value,
  set,
  fault,
  help,
  disabled = false,
  required = false,
}: {
  label: string;
  value: number | null;
  set: (value: number | null) => void;
  fault?: string | undefined;
  help?: string;
  disabled?: boolean;
  required?: boolean;
}) {
  const { t } = useWords();
  const [typed, setTyped] = useState<string | null>(null);
  const wrong = typed !== null && !/^-?\d{1,12}$/.test(typed.trim()) && typed.trim() !== '';
  const problem = wrong ? t('desks.no_number') : fault;
  return (
    <Field
      label={label}
      value={typed ?? (value === null ? '' : String(value))}
      set={(text) => {
        setTyped(text);
        if (/^-?\d{1,12}$/.test(text.trim())) set(Number(text));
        else if (text.trim() === '') set(null);
      }}
      onBlur={() => {
        if (!wrong) setTyped(null);
      }}
      fault={problem}
      {...(help ? { help } : {})}
      disabled={disabled}
      required={required}
      slotProps={{ htmlInput: { inputMode: 'numeric' } }}
    />
  );
}
