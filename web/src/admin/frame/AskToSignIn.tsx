import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogContentText from '@mui/material/DialogContentText';
import DialogTitle from '@mui/material/DialogTitle';
import { useEffect, useRef, useState } from 'react';
import { session } from '../../session/session';
import { useWords } from '../../words/words';

/**
 * The question that appears over a page whose session has ended; everything typed below it stays. It is a dialog of the same kind
 * as those of the pages: over one of them, only such a one is there for screen readers and the keyboard.
 */
export function AskToSignIn() {
  const { t } = useWords();
  const [question, setQuestion] = useState<{ signIn: () => Promise<void> } | null>(null);
  const [failed, setFailed] = useState(false);
  const decided = useRef<(again: boolean) => void>(() => {});

  useEffect(() => {
    session.onEnded((signIn) => {
      setFailed(false);
      return new Promise((resolve) => {
        decided.current = resolve;
        setQuestion({ signIn });
      });
    });
  }, []);

  const end = (again: boolean) => {
    decided.current(again);
    setQuestion(null);
  };
  const again = async () => {
    try {
      await question?.signIn();
      end(true);
    } catch {
      setFailed(true); // the window was closed: the question stays
    }
  };

  return (
    <Dialog open={question !== null} onClose={() => end(false)} aria-labelledby="sign-in-again">
      <DialogTitle id="sign-in-again" variant="h2" component="h2">
        {t('session.ended')}
      </DialogTitle>
      <DialogContent>
        <DialogContentText role="status">{t(failed ? 'session.window_closed' : 'session.nothing_lost')}</DialogContentText>
      </DialogContent>
      <DialogActions sx={{ px: 3, pb: 2.5 }}>
        <Button color="inherit" onClick={() => end(false)}>
          {t('session.not_now')}
        </Button>
        <Button variant="contained" onClick={again} autoFocus>
          {t('session.sign_in_again')}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
