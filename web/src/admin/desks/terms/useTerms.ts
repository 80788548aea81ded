import { useQuery } from '@tanstack/react-query';
import { toldWithVersion } from '../../../api/client';

/** Terms that are kept as one document with a version. */
export function useTerms<Terms>(name: string, ask: () => Promise<{ data?: Terms; error?: unknown; response: Response }>) {
  return useQuery({ queryKey: [name], queryFn: () => toldWithVersion(ask()), retry: false });
}
