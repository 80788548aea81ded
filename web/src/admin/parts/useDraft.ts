import { useCallback, useState } from 'react';

export type Values = Record<string, string>;

const place = (name: string): string => `waybill.draft.${name}`;

function stored(name: string): Values {
  try {
    return JSON.parse(sessionStorage.getItem(place(name)) ?? '{}') as Values;
  } catch {
    return {};
  }
}

/** What a person has typed into a form, kept in this tab until it is sent: a reload or a wrong click loses nothing. */
export function useDraft(name: string, initial: Values): [Values, (field: string, value: string) => void, () => void] {
  const [values, setValues] = useState<Values>(() => ({ ...initial, ...stored(name) }));
  const change = useCallback(
    (field: string, value: string) =>
      setValues((before) => {
        const next = { ...before, [field]: value };
        sessionStorage.setItem(place(name), JSON.stringify(next));
        return next;
      }),
    [name],
  );
  const forget = useCallback(() => sessionStorage.removeItem(place(name)), [name]);
  return [values, change, forget];
}
