// @vitest-environment node
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { differences } from './cartTexts';

const line = (product_id: string, quantity: number) => ({ product_id, quantity, name: `The ${product_id}` });

describe('what differs between two carts', () => {
  it('names what came, went, and is another quantity', () => {
    const found = differences([line('A', 1), line('B', 2), line('C', 3)], [line('A', 1), line('B', 5), line('D', 1)]);
    expect(found).toEqual([
      { sku: 'B', name: 'The B', before: 2, after: 5 },
      { sku: 'C', name: 'The C', before: 3, after: 0 },
      { sku: 'D', name: 'The D', before: 0, after: 1 },
    ]);
  });
});

describe('the cart of a guest', () => {
  let guest: typeof import('./guestCart');
  beforeAll(async () => {
    const kept = new Map<string, string>();
    vi.stubGlobal('localStorage', {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
      removeItem: (key: string) => kept.delete(key),
    });
    vi.stubGlobal('window', { addEventListener: () => undefined });
    guest = await import('./guestCart');
  });

  it.each([null, '', 'null', '{}', '[1]', '{"id":1,"items":7}'])('is empty where %s was kept', (text) => {
    expect(Object.keys(guest.readCart(text).items)).toEqual([]);
  });
  it('drops lines that are none', () => {
    const kept = JSON.stringify({ id: 'x', items: { A: 2, B: -1, C: 'many', D: 1.5 } });
    expect(guest.readCart(kept).items).toEqual({ A: 2 });
  });
  it('adds up, and holds at most 999 of a product', () => {
    guest.guestCart.add('A', 2);
    guest.guestCart.add('A', 998);
    expect(guest.guestCart.now().items).toEqual({ A: 999 });
    guest.guestCart.set('A', 0);
    expect(guest.guestCart.now().items).toEqual({});
  });
});
