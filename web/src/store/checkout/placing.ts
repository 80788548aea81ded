/**
 * Placing an order once: one intention of the person, one Idempotency-Key, kept for this tab until it is answered. A double click,
 * a reload and a lost answer all send the same request again, and the shop answers with the same order.
 *
 * Placing takes the cart. Where the order does not come about (the card is declined, stock is gone), what was in it goes back.
 */
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';
import { api, newIntention, told } from '../../api/client';
import { Problem } from '../../api/problem';
import type { components } from '../../api/schema/order';
import { putIntoShopCart } from '../cart/useCart';
import { isDecided, useOrder } from '../orders/useOrder';
import { type Body, type Intention, isLeft, keepIntention, type Lines, PATIENCE_MS, readIntention } from './intention';

export type Outcome =
  | { kind: 'price'; before: Money; now: Money }
  | { kind: 'refused'; reason: string }
  | { kind: 'failed'; error: unknown };
type Money = components['schemas']['Money'];

const UNANSWERED = new Problem(0, 'unanswered', 'Not answered', '');

/** Whether it is known that nothing was placed: everything else is asked again under the same key. */
const isAnswer = (error: unknown): error is Problem => error instanceof Problem && error.status >= 400 && error.status < 500;

function outcomeOf(error: Problem): Outcome {
  const { expected_total: before, total_amount: now } = error.facts as { expected_total?: Money; total_amount?: Money };
  if (error.slug === 'price-changed' && before && now) return { kind: 'price', before, now };
  return { kind: 'failed', error };
}

export function usePlacing(userId: string, done: (orderId: string) => void) {
  const queries = useQueryClient();
  const [intention, setIntention] = useState(() => readIntention(userId, Date.now()));
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [held, setHeld] = useState(() => isLeft(intention, Date.now()));
  const [stuck, setStuck] = useState<unknown>(held ? UNANSWERED : null);
  const [attempt, setAttempt] = useState(0);
  const order = useOrder(intention?.orderId ?? null).data;

  const keep = useCallback((next: Intention | null) => {
    // Written before anything is sent: whatever happens to this page, the next one knows of it.
    keepIntention(next);
    setIntention(next);
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt is another run
  useEffect(() => {
    if (!intention?.body || held) return;
    let current = true;
    const { key, body } = intention;
    setStuck(null);
    told(api.POST('/api/orders', { body, headers: { 'Idempotency-Key': key } })).then(
      (placed) => {
        queries.setQueryData(['order', placed.order_id], placed);
        void queries.invalidateQueries({ queryKey: ['cart'] });
        void queries.invalidateQueries({ queryKey: ['orders'] });
        const answered = { ...intention, body: null, orderId: placed.order_id, at: Date.now() };
        if (current) keep(answered);
        else keepIntention(answered);
      },
      (error) => {
        if (!current) {
          if (isAnswer(error)) keepIntention(null);
          return;
        }
        if (!isAnswer(error)) return setStuck(error);
        keep(null);
        setOutcome(outcomeOf(error));
        void queries.invalidateQueries({ queryKey: ['cart'] });
        void queries.invalidateQueries({ queryKey: ['quote'] });
      },
    );
    return () => {
      current = false;
    };
  }, [intention, held, attempt, keep, queries]);

  const decided = order && isDecided(order) ? order : null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt is another run
  useEffect(() => {
    if (!intention?.orderId) return;
    if (!decided) {
      const { orderId } = intention;
      const timer = setTimeout(() => {
        keep(null); // the order's own page goes on waiting
        done(orderId);
      }, PATIENCE_MS);
      return () => clearTimeout(timer);
    }
    if (decided.status !== 'Cancelled') {
      keep(null);
      done(decided.order_id);
      return;
    }
    let current = true;
    putIntoShopCart(`${intention.key}-back`, intention.lines).then(
      () => {
        void queries.invalidateQueries({ queryKey: ['cart'] });
        if (!current) return;
        keep(null);
        setOutcome({ kind: 'refused', reason: decided.cancel_reason ?? 'staff' });
      },
      (error) => current && setStuck(error),
    );
    return () => {
      current = false;
    };
  }, [intention, decided, attempt, done, keep, queries]);

  return {
    /** Whether an order is on its way, or whether it is unknown what became of it. */
    placing: intention !== null,
    stuck,
    outcome,
    place: (body: Body, lines: Lines) => {
      if (readIntention(userId, Date.now())) return; // the second click comes before this is drawn anew
      setOutcome(null);
      keep({ of: userId, key: newIntention(), lines, body, orderId: null, at: Date.now() });
    },
    again: () => {
      setHeld(false);
      setAttempt((before) => before + 1);
    },
    giveUp: () => {
      keep(null);
      setHeld(false);
      setStuck(null);
    },
    forgetOutcome: () => setOutcome(null),
  };
}
