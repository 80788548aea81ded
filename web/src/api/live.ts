/**
 * Following something as it changes: server-sent events, read with fetch since they need the caller's token.
 *
 * A stream that breaks is taken up again with growing pauses and the last event's id; one whose page is hidden is let go, since a
 * browser has six connections for all tabs of a shop. What cannot be followed (404, 403) ends it with the `Problem`.
 */
import { session } from '../session/session';
import { persistently } from './client';
import { eventReader } from './eventText';
import { type Problem, readProblem } from './problem';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

interface Follower {
  onData: (data: string) => void;
  onEnd?: (problem: Problem) => void;
}

/** Follow a stream until the answered function is called. */
export function follow(path: string, { onData, onEnd }: Follower): () => void {
  let lastId: string | null = null;
  let over = false;
  let failures = 0;
  let stream: AbortController | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function read(controller: AbortController): Promise<void> {
    const headers: Record<string, string> = { Accept: 'text/event-stream' };
    const token = await session.token();
    if (token) headers.Authorization = `Bearer ${token}`;
    if (lastId !== null) headers['Last-Event-ID'] = lastId;
    const answer = await persistently(new Request(path, { headers, signal: controller.signal, cache: 'no-store' }));
    if (!answer.ok || !answer.body) {
      if (answer.status >= 500 || answer.status === 429) throw new Error(`the stream answers ${answer.status}`);
      over = true;
      onEnd?.(readProblem(answer, await answer.json().catch(() => undefined)));
      return;
    }
    const read = eventReader();
    const pieces = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await pieces.read();
      if (done) return;
      for (const event of read(value)) {
        failures = 0;
        lastId = event.id ?? lastId;
        onData(event.data);
      }
    }
  }

  function open(): void {
    if (over || stream || document.hidden) return;
    clearTimeout(timer);
    const controller = new AbortController();
    stream = controller;
    read(controller)
      .catch(() => undefined) // broken or let go: either way it is taken up again below
      .finally(() => {
        if (stream !== controller) return;
        stream = null;
        timer = setTimeout(open, Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS));
        failures += 1;
      });
  }

  function close(): void {
    clearTimeout(timer);
    const open = stream;
    stream = null;
    open?.abort();
  }

  const look = () => (document.hidden ? close() : open());
  document.addEventListener('visibilitychange', look);
  open();
  return () => {
    over = true;
    document.removeEventListener('visibilitychange', look);
    close();
  };
}
