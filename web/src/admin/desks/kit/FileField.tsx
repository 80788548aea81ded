import Button from '@mui/material/Button';
import FormHelperText from '@mui/material/FormHelperText';
import { useId, useRef } from 'react';

/** Choose a text file. */
export function FileField({
  label,
  help,
  name,
  set,
}: {
  label: string;
  help: string;
  name: string | null;
  set: (file: { name: string; text: string } | null) => void;
}) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  return (
    <div>
      <input
        ref={field}
        id={id}
        type="file"
        accept=".csv,text/csv"
        hidden
        onChange={async (event) => {
          const [file] = event.target.files ?? [];
          event.target.value = ''; // the same file may be chosen again after it was mended
          if (file) set({ name: file.name, text: await file.text() });
        }}
      />
      <Button variant="outlined" onClick={() => field.current?.click()} aria-describedby={`${id}-help`}>
        {name ? `${label}: ${name}` : label}
      </Button>
      <FormHelperText id={`${id}-help`}>{help}</FormHelperText>
    </div>
  );
}
