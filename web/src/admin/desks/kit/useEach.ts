import { useState } from 'react';
import { useProblemText } from '../../../words/useProblemText';

export interface Result {
  state: 'working' | 'done' | 'failed';
  text: string;
}

/** One act on several rows, each on its own: what became of every row is kept beside it, and one refusal stops no other. */
export function useEach(): {
  results: ReadonlyMap<string, Result>;
  busy: boolean;
  each: (keys: string[], act: (key: string) => Promise<string>) => Promise<string[]>;
  forget: () => void;
} {
  const say = useProblemText();
  const [results, setResults] = useState<ReadonlyMap<string, Result>>(new Map());
  const [busy, setBusy] = useState(false);
  const note = (key: string, result: Result) => setResults((before) => new Map(before).set(key, result));
  return {
    results,
    busy,
    forget: () => setResults(new Map()),
    each: async (keys, act) => {
      setBusy(true);
      setResults(new Map(keys.map((key) => [key, { state: 'working', text: '…' }])));
      const failed: string[] = [];
      for (const key of keys) {
        try {
          note(key, { state: 'done', text: await act(key) });
        } catch (error) {
          failed.push(key);
          note(key, { state: 'failed', text: say(error) });
        }
      }
      setBusy(false);
      return failed;
    },
  };
}
