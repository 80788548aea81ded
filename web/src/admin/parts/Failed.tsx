import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import { useWords } from '../../words/words';

/** A part of a page that could not be read: why, and the way to try again. */
export function Failed({ text, again }: { text: string; again?: () => void }) {
  const { t } = useWords();
  return (
    <Alert
      severity="error"
      sx={{ my: 1 }}
      action={
        again && (
          <Button color="inherit" size="small" onClick={() => again()}>
            {t('part.again')}
          </Button>
        )
      }
    >
      {text}
    </Alert>
  );
}
