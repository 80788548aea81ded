import { afterEach, expect, it, vi } from 'vitest';
import '../testing';
import { follow } from './live';

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('a stream that is refused for now is taken up again; one that may not be followed is not', async () => {
  vi.useFakeTimers();
  const answers = [
    new Response(null, { status: 429, headers: { 'Retry-After': '60' } }),
    new Response('data: news\n\n', { status: 200 }),
    new Response(null, { status: 404 }),
  ];
  vi.stubGlobal('fetch', async (asked: Request | string) =>
    typeof asked === 'string' ? Response.json({ authority: 'https://id.example', client_id: 'web' }) : answers.shift(),
  );
  const heard: string[] = [];
  const ended = vi.fn();
  const stop = follow('https://shop.example/events', { onData: (data) => heard.push(data), onEnd: ended });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(heard).toEqual(['news']);
  expect(ended).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ status: 404 }));
  stop();
});
