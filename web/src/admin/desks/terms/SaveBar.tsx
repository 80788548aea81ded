import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useWords } from '../../../words/words';
import { Bar } from '../kit/Desk';

/** Save a document once all of it can be read, or go back to how it was. */
export function SaveBar({
  changed,
  readable = true,
  busy,
  save,
  undo,
}: {
  changed: boolean;
  readable?: boolean;
  busy: boolean;
  save: () => void;
  undo: () => void;
}) {
  const { t } = useWords();
  return (
    <Bar>
      <Box sx={{ flex: 1 }} />
      <Button color="inherit" disabled={!changed} onClick={undo}>
        {t('desks.undo')}
      </Button>
      <Button variant="contained" disabled={!changed || !readable} loading={busy} onClick={save}>
        {t('desks.save')}
      </Button>
    </Bar>
  );
}
