import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';

export interface FieldSpec {
  name: string;
  label: string;
  kind?: 'text' | 'long' | 'number' | 'date' | 'choice';
  help?: string;
  required?: boolean;
  initial?: string;
  choices?: readonly { value: string; label: string }[];
  maxLength?: number;
}

interface Props {
  id: string;
  spec: FieldSpec;
  value: string;
  error?: string;
  autoFocus?: boolean;
  onChange: (value: string) => void;
}

/** One field of a dialog, with its help or what is wrong with it. */
export function ActionField({ id, spec, value, error, autoFocus, onChange }: Props) {
  const { kind = 'text', label, help, required, choices = [], maxLength } = spec;
  return (
    <TextField
      id={id}
      label={label}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      error={error !== undefined}
      helperText={error ?? help}
      required={required}
      fullWidth
      autoFocus={autoFocus}
      multiline={kind === 'long'}
      minRows={kind === 'long' ? 2 : undefined}
      select={kind === 'choice'}
      type={kind === 'number' || kind === 'date' ? kind : 'text'}
      slotProps={{
        htmlInput: { maxLength, ...(kind === 'number' ? { inputMode: 'numeric' as const } : {}) },
        ...(kind === 'date' ? { inputLabel: { shrink: true } } : {}),
      }}
    >
      {choices.map((choice) => (
        <MenuItem key={choice.value} value={choice.value}>
          {choice.label}
        </MenuItem>
      ))}
    </TextField>
  );
}
