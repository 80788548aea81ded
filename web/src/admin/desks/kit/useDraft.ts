import { useEffect, useState } from 'react';
import { formRead, formText } from './typed';

/** What is being typed in a form, kept for this tab until it is sent: a reload or another page loses nothing. */
export function useDraft<Form>(name: string, blank: Form): [Form, (change: Partial<Form>) => void, () => void] {
  const place = `waybill.draft.${name}`;
  const [form, setForm] = useState<Form>(() => {
    const kept = sessionStorage.getItem(place);
    return kept ? { ...blank, ...(formRead(kept) as Partial<Form>) } : blank;
  });
  const [touched, setTouched] = useState(false);
  useEffect(() => {
    if (touched) sessionStorage.setItem(place, formText(form));
  }, [form, place, touched]);
  return [
    form,
    (change) => {
      setTouched(true);
      setForm((before) => ({ ...before, ...change }));
    },
    () => {
      sessionStorage.removeItem(place);
      setTouched(false);
      setForm(blank);
    },
  ];
}
