import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import '../testing';
import { persistently } from './client';
import { weather } from './weather';

const answer = (status: number, headers: Record<string, string> = {}) => {
  return async () => new Response(null, { status, headers });
};
const post = () => new Request('https://shop.example/api/orders', { method: 'POST', body: '{}' });

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it.each([
  [429, '3600'],
  [429, '11'],
  [503, '60'],
  [409, '60'],
])('a %d that asks for %s seconds is handed back, and nothing goes out later', async (status, seconds) => {
  const fetch = vi.fn(answer(status, { 'Retry-After': seconds }));
  vi.stubGlobal('fetch', fetch);
  expect((await persistently(post())).status).toBe(status);
  await vi.advanceTimersByTimeAsync(4_000_000);
  expect(fetch).toHaveBeenCalledTimes(1);
  expect(weather.now()).toBe('open');
});

it.each([
  [429, { 'Retry-After': '2' }],
  [503, { 'Retry-After': '10' }],
  [503, {}],
  [503, { 'Retry-After': 'Fri, 01 Jan 2027 00:00:00 GMT' }],
  [409, { 'Retry-After': '1' }],
])('a %d with %o is waited out and repeated', async (status, headers: Record<string, string>) => {
  const fetch = vi.fn().mockImplementationOnce(answer(status, headers)).mockImplementation(answer(201));
  vi.stubGlobal('fetch', fetch);
  const sent = persistently(post());
  await vi.advanceTimersByTimeAsync(Number(headers['Retry-After']) * 1000 || 500);
  expect((await sent).status).toBe(201);
  expect(fetch).toHaveBeenCalledTimes(2);
});

it('a dead network is not waited for once it is back', async () => {
  const fetch = vi.fn().mockRejectedValueOnce(new TypeError('dead')).mockImplementation(answer(201));
  vi.stubGlobal('fetch', fetch);
  const sent = persistently(post());
  await vi.advanceTimersByTimeAsync(1);
  window.dispatchEvent(new Event('online'));
  expect((await sent).status).toBe(201);
});
