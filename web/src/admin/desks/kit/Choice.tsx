import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';

/** A field with a list to choose from. */
export function Choice({
  label,
  value,
  set,
  of,
  help,
  error = false,
  full = false,
}: {
  label: string;
  value: string;
  set: (value: string) => void;
  of: { value: string; label: string }[];
  help?: string;
  error?: boolean;
  full?: boolean;
}) {
  return (
    <TextField
      select
      size="small"
      label={label}
      value={value}
      onChange={(event) => set(event.target.value)}
      helperText={help}
      error={error}
      fullWidth={full}
      sx={full ? undefined : { minWidth: 180, flex: { xs: '1 1 100%', sm: '0 1 auto' } }}
      slotProps={{ inputLabel: { shrink: true }, select: { displayEmpty: true } }}
    >
      {of.map((one) => (
        <MenuItem key={one.value} value={one.value}>
          {one.label}
        </MenuItem>
      ))}
    </TextField>
  );
}
