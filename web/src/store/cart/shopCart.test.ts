import { beforeEach, expect, it, type Mock, vi } from 'vitest';
import '../../testing';
import { api } from '../../api/client';
import { Problem } from '../../api/problem';
import { putIntoShopCart } from './useCart';

vi.mock('../../api/client', () => ({ api: { POST: vi.fn() }, told: (call: unknown) => call, toldWithVersion: vi.fn() }));

type Sent = { body: unknown; headers: Record<string, string> };
const post = api.POST as unknown as Mock<(path: string, options: Sent) => Promise<unknown>>;
const sent = () => post.mock.calls.map(([, options]) => options);

beforeEach(() => {
  post.mockReset();
});

it('lines of one product go into the cart as one, and what was taken out does not', async () => {
  await putIntoShopCart('again', [
    ['A', 2],
    ['B', 1],
    ['A', 3],
    ['C', 0],
  ]);
  expect(sent().map((one) => one.body)).toEqual([
    { product_id: 'A', quantity: 5 },
    { product_id: 'B', quantity: 1 },
  ]);
  expect(sent().map((one) => one.headers['Idempotency-Key'])).toEqual(['again-A', 'again-B']);
});

it('what is not on sale is told, and the rest goes in', async () => {
  post.mockRejectedValueOnce(new Problem(422, 'unknown-product', 'Not on sale', ''));
  const lines = [
    ['GONE', 1],
    ['A', 1],
  ] as const;
  expect(await putIntoShopCart('again', lines)).toEqual(['GONE']);
  expect(sent()).toHaveLength(2);
});
