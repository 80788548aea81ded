/**
 * The way to the services: typed calls that carry the caller's token and survive what happens to a page on a phone.
 *
 * A call that meets a dead network or a 503 is repeated with growing pauses while the page says so (`weather`), a 401 asks the
 * person to sign in again and then goes on, and every other refusal becomes a `Problem`. So does one that asks for a long wait:
 * what would go out minutes later, nobody wants any more. Repeating is safe because each mutating call carries an
 * Idempotency-Key: given by the caller where one intention may be sent twice (a double click, a reload), made here otherwise.
 */
import createClient, { type Middleware } from 'openapi-fetch';
import { session } from '../session/session';
import { Problem, readProblem } from './problem';
import type { paths as Inventory } from './schema/inventory';
import type { paths as Notification } from './schema/notification';
import type { paths as Order } from './schema/order';
import type { paths as Payment } from './schema/payment';
import { weather } from './weather';

const REPEATS = 8;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;
const LONGEST_WAIT_MS = 10_000;

type Paths = Order & Inventory & Payment & Notification;

/** Make a key for one intention of the person; the same intention sent again carries the same key. */
export const newIntention = (): string => crypto.randomUUID();

const signed: Middleware = {
  async onRequest({ request }) {
    const token = await session.token();
    if (token) request.headers.set('Authorization', `Bearer ${token}`);
    if (!['GET', 'HEAD'].includes(request.method) && !request.headers.has('Idempotency-Key')) {
      request.headers.set('Idempotency-Key', newIntention());
    }
    return request;
  },
};

/** Wait, but no longer than until the connection is back. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const end = (finish: () => void) => () => {
      clearTimeout(timer);
      over.abort();
      finish();
    };
    const timer = setTimeout(end(resolve), milliseconds);
    window.addEventListener('online', end(resolve), { signal: over.signal });
    signal.addEventListener(
      'abort',
      end(() => reject(signal.reason)),
      { signal: over.signal },
    );
  });
}

/** How long a service asks to wait before a call is repeated; 0 where it does not say. */
const waitOf = (answer: Response | undefined): number => (Number(answer?.headers.get('Retry-After')) || 0) * 1000;

function isStillDoing(answer: Response): boolean {
  if (waitOf(answer) > LONGEST_WAIT_MS) return false;
  return answer.status === 503 || answer.status === 429 || (answer.status === 409 && answer.headers.has('Retry-After'));
}

/** Send a request, again when the way was closed; what comes back is an answer of the service, or the last failure. */
export async function persistently(request: Request): Promise<Response> {
  for (let attempt = 0; ; attempt += 1) {
    const last = attempt >= REPEATS;
    let answer: Response | undefined;
    try {
      answer = await fetch(request.clone());
    } catch (error) {
      if (request.signal.aborted) throw error;
      weather.closed(navigator.onLine ? 'unreachable' : 'offline');
      if (last) throw Problem.unreachable();
    }
    if (answer) {
      const isLooking = request.method === 'GET';
      if (answer.status === 401 && (await session.again(request.headers.get('Authorization'), isLooking))) {
        request.headers.set('Authorization', `Bearer ${await session.token()}`);
        continue;
      }
      if (!isStillDoing(answer) || last) {
        weather.open();
        return answer;
      }
      if (answer.status === 503) weather.closed('busy');
    }
    const usual = Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS);
    await pause(Math.max(waitOf(answer), usual), request.signal);
  }
}

/** The typed client: `api.GET('/api/orders/{order_id}', { params: { path: { order_id } } })`. Wrap calls in `told`. */
export const api = createClient<Paths>({ fetch: persistently });
api.use(signed);

/** Wait for an answer's body; raises a `Problem` when the service refuses. */
export async function told<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw readProblem(response, error);
  return data as T;
}

/** The version of what was answered, for the `If-Match` of a change to it. */
export async function toldWithVersion<T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<{ data: T; version: string | null }> {
  const { data, error, response } = await call;
  if (!response.ok) throw readProblem(response, error);
  return { data: data as T, version: response.headers.get('ETag') };
}

/** Fetch a document (PDF, ZIP, CSV) that needs the token, and hand it to the browser under a name. */
export async function download(path: string, name: string, accept: string): Promise<void> {
  const headers: Record<string, string> = { Accept: accept };
  const token = await session.token();
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await persistently(new Request(path, { headers }));
  if (!answer.ok) throw readProblem(answer, await answer.json().catch(() => undefined));
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
