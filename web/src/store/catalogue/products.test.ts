import { expect, it, vi } from 'vitest';

vi.mock('../../api/client', () => ({ api: {}, told: () => undefined }));
const { addressOf, skuOf, wishOf } = await import('./products');

it.each(['', 'q=tea', 'q=tea&category=Tea&in_stock=&sort=-price'])(
  'what is wished for stands in the address: %s',
  (address) => {
    expect(addressOf(wishOf(address))).toBe(address ? `/?${address}` : '/');
  },
);
it.each([
  ['TEA-1', 'TEA-1'],
  ['A%2FB', 'A/B'],
  ['%E0', '%E0'],
])('the address part %s names the product %s', (part, sku) => expect(skuOf(part)).toBe(sku));
it('a sort that does not exist is none', () => expect(wishOf('sort=luck').sort).toBe('sku'));
