/** Signing in and out lead away from the page; where the way there is closed, the page says so. */
import { useSyncExternalStore } from 'react';
import { session } from '../../session/session';
import { useWords } from '../../words/words';
import { Note } from './Note';

let closed = false;
const listeners = new Set<() => void>();

function note(next: boolean): void {
  closed = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

async function leave(way: Promise<void>): Promise<void> {
  note(false);
  await way.catch(() => note(true));
}

/** Leave for the provider and come back to `path`. */
export const signIn = (path: string): Promise<void> => leave(session.signIn(path));
export const signOut = (): Promise<void> => leave(session.signOut());

/** Whether the person wanted to sign in or out, and could not. */
export const isWayClosed = (): boolean => closed;

/** Says that signing in or out did not work. */
export function WayClosed() {
  const { t } = useWords();
  if (!useSyncExternalStore(subscribe, isWayClosed)) return null;
  return (
    <Note kind="bad" focused>
      <p>{t('account.way_closed')}</p>
      <button type="button" className="button quiet" onClick={() => note(false)}>
        {t('action.understood')}
      </button>
    </Note>
  );
}
