/**
 * Numbers as they are typed into forms. In a form null stands for an empty field, and NaN for text that is no number: a form
 * with one of those is not sent, since its field shows something else.
 */
import { useState } from 'react';
import { moneyTyped } from '../../../look/money';

/** Read a whole number. */
export function numberRead(text: string): number | null {
  if (text.trim() === '') return null;
  return /^-?\d{1,12}$/.test(text.trim()) ? Number(text) : Number.NaN;
}

/** Read an amount as minor units. */
export function moneyRead(text: string, currency: string): number | null {
  return text.trim() === '' ? null : (moneyTyped(text, currency) ?? Number.NaN);
}

/** Take an empty field for a mistake where there has to be a number. */
export const needed = (value: number | null): number => value ?? Number.NaN;

/** Whether every number of a form could be read. */
export function isReadable(form: unknown): boolean {
  if (typeof form === 'object' && form !== null) return Object.values(form).every(isReadable);
  return !Number.isNaN(form);
}

// JSON has no NaN.
const NO_NUMBER = '\u0000NaN';

/** Write a form as it is kept for this tab; what could not be read cannot be read after a reload either. */
export const formText = (form: unknown): string =>
  JSON.stringify(form, (_, value) => (Number.isNaN(value) ? NO_NUMBER : value));
export const formRead = (text: string): unknown => JSON.parse(text, (_, value) => (value === NO_NUMBER ? Number.NaN : value));

/** The text of a field: what was typed as long as it is read as the value, else the value in the way of the language. */
export function useTyped(value: number | null, read: (text: string) => number | null, write: (value: number) => string) {
  const [typed, setTyped] = useState<string | null>(null);
  const isWrong = Number.isNaN(value);
  const written = value === null || isWrong ? '' : write(value);
  return {
    text: typed !== null && Object.is(read(typed), value) ? typed : written,
    isWrong,
    type: setTyped,
    leave: () => {
      if (!isWrong) setTyped(null);
    },
  };
}
