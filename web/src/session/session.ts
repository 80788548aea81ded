/**
 * Who is signed in: OpenID Connect, authorization code with PKCE.
 *
 * The token lives in sessionStorage, for this tab and until it is closed; it is in no cookie and never in localStorage. Where it
 * ends in the middle of something, `again` opens the provider in a window of its own, so that the page and all that was typed in
 * it stay as they are. Where somebody else signs in there, the page is theirs: it is loaded anew, without what was typed.
 */
import type { User, UserManager } from 'oidc-client-ts';

export interface Person {
  id: string;
  name: string;
  roles: ReadonlySet<string>;
}

interface Settings {
  authority: string;
  client_id: string;
}

const CALLBACK = '/signed-in';
/** Where a tab keeps whose typing it holds. */
const TYPED_BY = 'typed-by';

interface Stored {
  access_token: string;
  expires_at?: number;
}

let settling: Promise<Settings> | undefined;
let managing: Promise<UserManager> | undefined;
let person: Person | null = null;
let asking: Promise<boolean> | undefined;
/** The page on which the person would rather not sign in again. */
let declinedOn: string | null = null;
const listeners = new Set<() => void>();
let askAgain: (signIn: () => Promise<void>) => Promise<boolean> = async () => false;

function forgetFailure<T>(promise: Promise<T>, forget: () => void): Promise<T> {
  promise.catch(forget); // the next call tries again
  return promise;
}

function settings(): Promise<Settings> {
  settling ??= forgetFailure(
    fetch('/web-settings.json').then((answer) => {
      if (!answer.ok) throw new Error(`the gateway answers ${answer.status} for its settings`);
      return answer.json() as Promise<Settings>;
    }),
    () => {
      settling = undefined;
    },
  );
  return settling;
}

// The library is loaded when somebody signs in or out; reading who is signed in takes a line, on every other visit.
async function makeManager(): Promise<UserManager> {
  const [{ UserManager, WebStorageStateStore }, { authority, client_id }] = await Promise.all([
    import('oidc-client-ts'),
    settings(),
  ]);
  return new UserManager({
    authority,
    client_id,
    redirect_uri: `${location.origin}${CALLBACK}`,
    popup_redirect_uri: `${location.origin}${CALLBACK}?window`,
    post_logout_redirect_uri: `${location.origin}/`,
    response_type: 'code',
    scope: 'openid',
    userStore: new WebStorageStateStore({ store: sessionStorage }),
    stateStore: new WebStorageStateStore({ store: sessionStorage }),
    automaticSilentRenew: false,
    popupWindowFeatures: { width: 480, height: 720 },
  });
}

function manager(): Promise<UserManager> {
  managing ??= forgetFailure(makeManager(), () => {
    managing = undefined;
  });
  return managing;
}

/** Read whom the library has stored in this tab, even where their token has ended. */
async function storedUser(): Promise<Stored | undefined> {
  const { authority, client_id } = await settings();
  const text = sessionStorage.getItem(`oidc.user:${authority}:${client_id}`);
  return text ? (JSON.parse(text) as Stored) : undefined;
}

/** Read the stored token, if it is still good. */
async function storedToken(): Promise<string | undefined> {
  const user = await storedUser();
  return user && (user.expires_at ?? Number.POSITIVE_INFINITY) * 1000 > Date.now() ? user.access_token : undefined;
}

function claimsOf(token: string): Record<string, unknown> {
  const [, payload = ''] = token.split('.');
  const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
}

/** Read who a token speaks for, in the way the services read it: `roles` is a list, or words in one string. */
export function personOf(token: string): Person {
  const claims = claimsOf(token);
  const roles = Array.isArray(claims.roles) ? claims.roles.map(String) : String(claims.roles ?? '').split(/[\s,]+/);
  return {
    id: String(claims.sub),
    name: String(claims.name ?? claims.preferred_username ?? claims.sub),
    roles: new Set(roles.filter(Boolean)),
  };
}

function note(token: string | undefined): void {
  const next = token ? personOf(token) : null;
  if (next) take(next.id);
  if (next?.id === person?.id && [...(next?.roles ?? [])].join() === [...(person?.roles ?? [])].join()) return;
  person = next;
  for (const listener of listeners) listener();
}

/** What was typed in this tab belongs to whoever leaves it. */
function forgetTyped(): void {
  for (const place of Object.keys(sessionStorage)) if (place.startsWith('waybill.')) sessionStorage.removeItem(place);
}

/** Have the tab be this person's: what another left, as late as with the last breath of a page, is forgotten. */
function take(id: string): void {
  const before = sessionStorage.getItem(TYPED_BY);
  if (before !== null && before !== id) forgetTyped();
  sessionStorage.setItem(TYPED_BY, id);
}

const isOf = (token: string, id: string | undefined): boolean => id === undefined || personOf(token).id === id;

/** Sign in in a window of its own; answers whether it is the same person as before. */
async function signInBeside(): Promise<boolean> {
  const { access_token } = await (await manager()).signinPopup();
  declinedOn = null;
  if (!isOf(access_token, person?.id)) {
    forgetTyped();
    window.addEventListener('pagehide', forgetTyped); // until then the page may keep more
    location.reload();
    return false;
  }
  note(access_token);
  return true;
}

export const session = {
  /** Load who is signed in, once, before the page is shown. */
  async begin(): Promise<Person | null> {
    note(await storedToken());
    return person;
  },
  person: (): Person | null => person,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  token: storedToken,
  /** Leave for the provider and come back to `path`. */
  async signIn(path: string): Promise<void> {
    await (await manager()).signinRedirect({ state: path });
  },
  /** Finish the way back from the provider; answers the path to go on with, or null in a window of its own. */
  async signedIn(): Promise<string | null> {
    const users = await manager();
    if (new URLSearchParams(location.search).has('window')) {
      await users.signinPopupCallback();
      return null;
    }
    const before = await storedUser();
    const user: User = await users.signinRedirectCallback();
    if (before && !isOf(user.access_token, personOf(before.access_token).id)) forgetTyped();
    note(user.access_token);
    const path = typeof user.state === 'string' ? user.state : '/';
    return path.startsWith('/') && !path.startsWith('//') ? path : '/';
  },
  async signOut(): Promise<void> {
    const users = await manager();
    const user = await users.getUser();
    await users.removeUser();
    forgetTyped();
    note(undefined);
    await users.signoutRedirect(user?.id_token ? { id_token_hint: user.id_token } : {});
  },
  /**
   * The services refused the token of a request: ask the person to sign in again, whoever asks first for all. Who would rather
   * not is asked anew when they want something done, and not because a page looks whether there is news.
   * Answers whether there is a token of the same person to repeat the request with.
   */
  async again(refused: string | null, isLooking = false): Promise<boolean> {
    const current = await session.token();
    const wanted = refused ? personOf(refused.slice('Bearer '.length)).id : person?.id;
    if (current && refused !== `Bearer ${current}`) return isOf(current, wanted);
    if (!refused && !person) return false; // nobody was signed in: the page decides
    if (isLooking && declinedOn === location.href) return false;
    let isSame = true;
    asking ??= askAgain(async () => {
      isSame = await signInBeside();
    })
      .then((signedIn) => {
        if (!signedIn) declinedOn = location.href;
        return signedIn && isSame;
      })
      .finally(() => {
        asking = undefined;
      });
    return asking;
  },
  /** The person tries something again that was refused: they may be asked again as well. */
  askAnew(): void {
    declinedOn = null;
  },
  /** Say how a page asks the person to sign in again (`SignInAgain` does). */
  onEnded(ask: typeof askAgain): void {
    askAgain = ask;
  },
};
