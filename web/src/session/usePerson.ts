import { useSyncExternalStore } from 'react';
import { type Person, session } from './session';

/** Answer who is signed in, and again when that changes. */
export const usePerson = (): Person | null => useSyncExternalStore(session.subscribe, session.person);
