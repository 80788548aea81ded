import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useRef, useState } from 'react';
import { useNotify } from 'react-admin';
import { newIntention } from '../../../api/client';
import { Problem } from '../../../api/problem';

export interface Act<Input, Output> {
  /** Send it; answers undefined where it was refused, and `error` says why. */
  run: (input: Input) => Promise<Output | undefined>;
  busy: boolean;
  error: unknown;
  forget: () => void;
}

interface Manner<Input, Output> {
  /** What is shown and spoken once it is done. */
  said?: (output: Output, input: Input) => string;
  /** The lists that are stale from then on, by the first part of their key. */
  stale?: string[];
  done?: (output: Output, input: Input) => void;
}

/**
 * Something a person does: sent under one idempotency key for one intention, however often the button is pressed, until the service
 * has decided; a refusal leaves everything typed where it is.
 */
export function useAct<Input, Output>(
  send: (input: Input, key: string) => Promise<Output>,
  { said, stale = [], done }: Manner<Input, Output> = {},
): Act<Input, Output> {
  const intention = useRef<{ input: string; key: string } | null>(null);
  const queries = useQueryClient();
  const notify = useNotify();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  const run = async (input: Input) => {
    const text = JSON.stringify(input);
    if (intention.current?.input !== text) intention.current = { input: text, key: newIntention() };
    setBusy(true);
    setError(null);
    try {
      const output = await send(input, intention.current.key);
      intention.current = null;
      for (const name of stale) void queries.invalidateQueries({ queryKey: [name] });
      const words = said?.(output, input);
      if (words) notify(words, { type: 'success', messageArgs: { _: words } });
      done?.(output, input);
      return output;
    } catch (refusal) {
      // A refusal is decided and kept under its key; where nothing was decided, the key stays, and repeating is safe.
      if (refusal instanceof Problem && refusal.status >= 400 && refusal.status < 500) intention.current = null;
      setError(refusal);
      return undefined;
    } finally {
      setBusy(false);
    }
  };
  const forget = useCallback(() => setError(null), []);
  return { run, busy, error, forget };
}

/** The header that carries an intention's key. */
export const keyed = (key: string) => ({ 'Idempotency-Key': key });
