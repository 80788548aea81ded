import { type ReactNode, useEffect, useRef } from 'react';
import { session } from '../../session/session';
import { useProblemText } from '../../words/useProblemText';
import { useWords } from '../../words/words';

type Kind = 'good' | 'warn' | 'bad';

/** Something the person should know, read out at once when it appears. */
export function Note({ kind, children, focused }: { kind: Kind; children: ReactNode; focused?: boolean }) {
  const note = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!focused) return;
    note.current?.focus();
    note.current?.scrollIntoView({ block: 'center' });
  }, [focused]);
  return (
    <div ref={note} className={`note ${kind}`} role={kind === 'bad' ? 'alert' : 'status'} tabIndex={-1}>
      {children}
    </div>
  );
}

/** A failure as a sentence, with the way to try again where there is one. */
export function Failure({ error, again, focused }: { error: unknown; again?: () => void; focused?: boolean }) {
  const { t } = useWords();
  const say = useProblemText();
  const tryAgain = () => {
    session.askAnew();
    again?.();
  };
  return (
    <Note kind="bad" {...(focused ? { focused } : {})}>
      <p>{say(error)}</p>
      {again && (
        <button type="button" className="button quiet" onClick={tryAgain}>
          {t('action.try_again')}
        </button>
      )}
    </Note>
  );
}
