import TextField, { type TextFieldProps } from '@mui/material/TextField';

type Props = Omit<TextFieldProps, 'onChange' | 'value' | 'error'> & {
  value: string;
  set: (value: string) => void;
  /** What is wrong with it: said below the field, and tied to it. */
  fault?: string | undefined;
  help?: string;
};

/** A field of a form. */
export function Field({ value, set, fault, help, ...rest }: Props) {
  return (
    <TextField
      size="small"
      fullWidth
      {...rest}
      value={value}
      onChange={(event) => set(event.target.value)}
      error={Boolean(fault)}
      helperText={fault ?? help}
    />
  );
}
