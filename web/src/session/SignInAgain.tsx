import { useEffect, useRef, useState } from 'react';
import { useWords } from '../words/words';
import { session } from './session';

type SignIn = () => Promise<void>;

/** The question that appears over a page whose session has ended; everything typed below it stays. */
export function SignInAgain() {
  const { t } = useWords();
  const dialog = useRef<HTMLDialogElement>(null);
  const signIn = useRef<SignIn>(async () => {});
  const decided = useRef<(again: boolean) => void>(() => {});
  const [failed, setFailed] = useState(false);

  useEffect(() => {
    session.onEnded((go) => {
      signIn.current = go;
      setFailed(false);
      dialog.current?.showModal();
      return new Promise((resolve) => {
        decided.current = resolve;
      });
    });
  }, []);

  const again = async () => {
    try {
      await signIn.current();
      decided.current(true);
      dialog.current?.close();
    } catch {
      setFailed(true); // the window was closed: the question stays
    }
  };

  return (
    <dialog ref={dialog} className="question" aria-labelledby="sign-in-again" onClose={() => decided.current(false)}>
      <h2 id="sign-in-again">{t('session.ended')}</h2>
      <p>{t(failed ? 'session.window_closed' : 'session.nothing_lost')}</p>
      <div className="answers">
        <button type="button" className="quiet" onClick={() => dialog.current?.close()}>
          {t('session.not_now')}
        </button>
        <button type="button" className="primary" onClick={again}>
          {t('session.sign_in_again')}
        </button>
      </div>
    </dialog>
  );
}
