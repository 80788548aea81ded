import { useCallback, useRef, useState } from 'react';
import { newIntention } from '../../api/client';
import { Problem } from '../../api/problem';

interface Intention {
  of: string;
  key: string;
}

/**
 * Send something a person wants, once: until it is known what became of it, the same wish goes out under the same Idempotency-Key.
 * A refusal is kept as what is shown; the next wish is a new one.
 */
export function useIntention<Answer>() {
  const intention = useRef<Intention | null>(null);
  const [isSending, setSending] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);

  const send = useCallback(async (wish: unknown, call: (key: string) => Promise<Answer>): Promise<Answer | undefined> => {
    const of = JSON.stringify(wish);
    if (intention.current?.of !== of) intention.current = { of, key: newIntention() };
    setSending(true);
    setFailure(null);
    try {
      const answer = await call(intention.current.key);
      intention.current = null;
      return answer;
    } catch (error) {
      // Only a service that has decided ends the intention; a lost answer may have been a yes.
      if (error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 401)
        intention.current = null;
      setFailure(error);
      return undefined;
    } finally {
      setSending(false);
    }
  }, []);

  const forget = useCallback(() => setFailure(null), []);
  return { send, isSending, failure, forget };
}
