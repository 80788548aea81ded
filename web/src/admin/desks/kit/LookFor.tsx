import Button from '@mui/material/Button';
import { type FormEvent, useEffect, useState } from 'react';
import { useWords } from '../../../words/words';
import { Field } from './Field';

/** A filter that is typed and sent with Enter. */
export function LookFor({ label, value, set }: { label: string; value: string; set: (value: string) => void }) {
  const { t } = useWords();
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const send = (event: FormEvent) => {
    event.preventDefault();
    set(text.trim());
  };
  return (
    <form onSubmit={send} style={{ display: 'flex', gap: 8, flex: '0 1 20rem', minWidth: 0 }}>
      <Field label={label} value={text} set={setText} slotProps={{ htmlInput: { maxLength: 100, enterKeyHint: 'search' } }} />
      <Button type="submit" variant="outlined">
        {t('desks.look')}
      </Button>
    </form>
  );
}
