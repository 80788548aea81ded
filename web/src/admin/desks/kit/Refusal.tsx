import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import { useEffect, useRef } from 'react';
import { Problem } from '../../../api/problem';
import { session } from '../../../session/session';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';

/** Why something was refused, as a sentence; the fields it names that have no place of their own on the page follow as a list. */
export function Refusal({ error, again, shown = [] }: { error: unknown; again?: () => void; shown?: string[] }) {
  const { t } = useWords();
  const say = useProblemText();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (error) box.current?.scrollIntoView({ block: 'nearest' });
  }, [error]);
  if (!error) return null;
  const text = say(error);
  const errors = error instanceof Problem ? error.errors : [];
  const tryAgain = () => {
    session.askAnew();
    again?.();
  };
  const fields = errors.filter((one) => !shown.includes(one.field) && !text.includes(one.message));
  return (
    <Alert
      ref={box}
      severity="error"
      role="alert"
      sx={{ mb: 2 }}
      action={
        again ? (
          <Button color="inherit" size="small" onClick={tryAgain}>
            {t('desks.again')}
          </Button>
        ) : undefined
      }
    >
      {text}
      {fields.length ? (
        <ul>
          {fields.map((one) => (
            <li key={`${one.field} ${one.message}`}>
              {one.field}: {one.message}
            </li>
          ))}
        </ul>
      ) : null}
    </Alert>
  );
}
