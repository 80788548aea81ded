import { beforeEach, describe, expect, it, vi } from 'vitest';
import '../testing';
import type { session as Session } from './session';

const users = {
  signinPopup: vi.fn(),
  signinRedirectCallback: vi.fn(),
  getUser: vi.fn(async () => ({})),
  removeUser: vi.fn(async () => undefined),
  signoutRedirect: vi.fn(async () => undefined),
};
vi.mock('oidc-client-ts', () => ({
  UserManager: class {
    constructor() {
      Object.assign(this, users);
    }
  },
  WebStorageStateStore: class {},
}));

const PLACE = 'oidc.user:https://id.example:web';
const tokenOf = (sub: string, serial = 0) => `head.${btoa(JSON.stringify({ sub, serial, roles: ['customer'] }))}.sign`;
const store = (token: string, expires_at = Date.now() / 1000 + 60) =>
  sessionStorage.setItem(PLACE, JSON.stringify({ access_token: token, expires_at }));
const typed = () => Object.keys(sessionStorage).filter((place) => place.startsWith('waybill.'));
const reload = vi.fn();

let session: typeof Session;
beforeEach(async () => {
  vi.resetAllMocks();
  vi.resetModules();
  sessionStorage.clear();
  sessionStorage.setItem('waybill.draft.refund', '{}');
  vi.stubGlobal('location', { href: 'https://shop.example/orders', origin: 'https://shop.example', search: '', reload });
  vi.stubGlobal('fetch', async () => Response.json({ authority: 'https://id.example', client_id: 'web' }));
  store(tokenOf('alice'));
  ({ session } = await import('./session'));
  await session.begin();
});

/** Have somebody sign in beside the page. */
const signsIn = (sub: string) => {
  session.onEnded(async (go) => {
    await go();
    return true;
  });
  users.signinPopup.mockImplementation(async () => {
    store(tokenOf(sub, 1));
    return { access_token: tokenOf(sub, 1) };
  });
};

describe('a session that ended', () => {
  it('goes on with a new token of the same person', async () => {
    signsIn('alice');
    expect(await session.again(`Bearer ${tokenOf('alice')}`)).toBe(true);
    expect(reload).not.toHaveBeenCalled();
    expect(typed()).toEqual(['waybill.draft.refund']);
  });
  it('sends nothing of one person as another', async () => {
    signsIn('bob');
    const [first, second] = [session.again(`Bearer ${tokenOf('alice')}`), session.again(`Bearer ${tokenOf('alice')}`)];
    expect([await first, await second]).toEqual([false, false]);
    expect(reload).toHaveBeenCalledTimes(1);
    expect(typed()).toEqual([]);
    // Those that were on their way when Bob came.
    expect(await session.again(`Bearer ${tokenOf('alice')}`)).toBe(false);
    expect(users.signinPopup).toHaveBeenCalledTimes(1);
    sessionStorage.setItem('waybill.checkout', 'drawn once more');
    window.dispatchEvent(new Event('pagehide'));
    expect(typed()).toEqual([]);
  });
  it('is asked about once, where a page looks for news', async () => {
    const ask = vi.fn(async () => false);
    session.onEnded(ask);
    const refused = `Bearer ${tokenOf('alice')}`;
    expect(await session.again(refused, true)).toBe(false);
    expect(await session.again(refused, true)).toBe(false);
    expect(ask).toHaveBeenCalledTimes(1);
    await session.again(refused); // something is to be done
    expect(ask).toHaveBeenCalledTimes(2);
    session.askAnew();
    await session.again(refused, true);
    expect(ask).toHaveBeenCalledTimes(3);
    vi.stubGlobal('location', { href: 'https://shop.example/cart' });
    await session.again(refused, true);
    expect(ask).toHaveBeenCalledTimes(4);
  });
});

describe('what was typed', () => {
  it('is forgotten by the page of whoever comes next, however late it was kept', async () => {
    store(tokenOf('alice'));
    await session.begin();
    sessionStorage.setItem('waybill.checkout', 'with the last breath');
    await session.begin();
    expect(typed()).toEqual(['waybill.draft.refund', 'waybill.checkout']);
    store(tokenOf('bob'));
    await session.begin();
    expect(typed()).toEqual([]);
  });
  it('is forgotten by whoever signs out', async () => {
    users.getUser.mockResolvedValue({});
    await session.signOut();
    expect(typed()).toEqual([]);
    expect(session.person()).toBeNull();
  });
  it.each([
    ['alice', ['waybill.draft.refund']],
    ['bob', []],
  ])('by Alice, whose token has ended, is there after %s signs in: %o', async (sub, left) => {
    store(tokenOf('alice'), 1);
    users.signinRedirectCallback.mockResolvedValue({ access_token: tokenOf(sub, 1), state: '/orders' });
    expect(await session.signedIn()).toBe('/orders');
    expect(typed()).toEqual(left);
  });
});
