import { useWords } from '../../../words/words';
import { Field } from './Field';
import { numberRead, useTyped } from './typed';

/** A whole number; what is no number stays in the field, is said to be none, and is NaN in the form. */
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
  const { text, isWrong, type, leave } = useTyped(value, numberRead, String);
  return (
    <Field
      label={label}
      value={text}
      set={(next) => {
        type(next);
        set(numberRead(next));
      }}
      onBlur={leave}
      fault={isWrong ? t('desks.no_number') : fault}
      {...(help ? { help } : {})}
      disabled={disabled}
      required={required}
      slotProps={{ htmlInput: { inputMode: 'numeric' } }}
    />
  );
}
