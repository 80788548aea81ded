import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import { session } from '../../session/session';
import { useWords } from '../../words/words';

/** A part of a page that could not be read: why, and the way to try again. */
export function Failed({ text, again }: { text: string; again?: () => void }) {
  const { t } = useWords();
  const tryAgain = () => {
    session.askAnew();
    again?.();
  };
  return (
    <Alert
      severity="error"
      sx={{ my: 1 }}
      action={
        again && (
          <Button color="inherit" size="small" onClick={tryAgain}>
            {t('part.again')}
          </Button>
        )
      }
    >
      {text}
    </Alert>
  );
}
