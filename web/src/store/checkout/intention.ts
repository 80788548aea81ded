/**
 * What a person wants ordered, from their click until it is known what became of it; kept for this tab, so that a reload loses
 * nothing. It belongs to the moment: whoever comes back to the checkout later has something else in mind.
 */
import type { components } from '../../api/schema/order';

export type Body = components['schemas']['OrderBody'];
export type Lines = [string, number][];

export interface Intention {
  of: string;
  key: string;
  lines: Lines;
  /** What is sent; gone once it is answered. */
  body: Body | null;
  orderId: string | null;
  /** When it was sent, or answered. */
  at: number;
}

const PLACE = 'waybill.intention';
/** How long a page waits for an order to be decided. */
export const PATIENCE_MS = 12_000;
// The shop knows an Idempotency-Key for 48 hours; after that the same request would be another order.
const REPEATABLE_MS = 24 * 3_600_000;

/** Keep an intention, or none. */
export function keepIntention(next: Intention | null): void {
  if (next) sessionStorage.setItem(PLACE, JSON.stringify(next));
  else sessionStorage.removeItem(PLACE);
}

/** Read what this person wants ordered and still waits for. An order that was placed a while ago has a page of its own. */
export function readIntention(userId: string, now: number): Intention | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? '') as Intention;
    const isWaitedFor = now - kept.at < (kept.orderId ? PATIENCE_MS : REPEATABLE_MS);
    return kept.of === userId && isWaitedFor ? kept : null;
  } catch {
    return null;
  }
}

/** Whether the page was left before there was an answer: then it is asked again when the person says so, and not by itself. */
export const isLeft = (intention: Intention | null, now: number): boolean =>
  intention?.body != null && now - intention.at >= PATIENCE_MS;
