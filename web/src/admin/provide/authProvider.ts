/** react-admin's view of `src/session`. Nobody is ever thrown out of a page: a 401 is asked about where it happens (`AskToSignIn`). */
import type { AuthProvider } from 'react-admin';
import { session } from '../../session/session';

export const authProvider: AuthProvider = {
  login: () => session.signIn(location.pathname + location.search),
  logout: async () => {
    await session.signOut();
    return false;
  },
  checkAuth: async () => {},
  checkError: async () => {},
  getPermissions: async () => session.person()?.roles ?? new Set(),
  getIdentity: async () => {
    const person = session.person();
    return { id: person?.id ?? '', fullName: person?.name ?? '' };
  },
};
