import { useSearchParams } from 'react-router-dom';

/** A choice that stands in the address, so that a list can be shared, reloaded and gone back to. */
export function useChoice(name: string, usual = ''): [string, (value: string) => void] {
  const [search, setSearch] = useSearchParams();
  const set = (value: string) =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        if (value === usual) next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace: true },
    );
  return [search.get(name) ?? usual, set];
}
