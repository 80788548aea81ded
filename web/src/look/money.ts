/** Amounts and moments as people read them; the services speak minor units of ISO 4217 and RFC 3339. */

export interface Money {
  amount: number;
  currency: string;
}

/** Write an amount of minor units (1999 EUR) in a language's own way (19,99 €). */
export function moneyText(money: Money, language: string): string {
  const format = new Intl.NumberFormat(language, { style: 'currency', currency: money.currency });
  return format.format(money.amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

/** Read what a person typed ("19,99", "1.234,50", "19.99") as minor units; null when it is no amount. */
export function moneyTyped(text: string, currency: string): number | null {
  const digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
  const found = /^\s*(\d{1,3}(?:[.,' ]\d{3})*|\d+)(?:[.,](\d+))?\s*$/.exec(text);
  if (!found) return null;
  const [, whole = '', part = ''] = found;
  if (part.length > digits) return null;
  const amount = Number(whole.replaceAll(/[.,' ]/g, '') + part.padEnd(digits, '0'));
  return Number.isSafeInteger(amount) ? amount : null;
}

const MOMENT: Intl.DateTimeFormatOptions = { dateStyle: 'medium', timeStyle: 'short' };

/** Write a moment in the reader's own time zone. */
export const momentText = (moment: string, language: string): string =>
  new Intl.DateTimeFormat(language, MOMENT).format(new Date(moment));

/** Write the day of a moment. */
export const dayText = (moment: string, language: string): string =>
  new Intl.DateTimeFormat(language, { dateStyle: 'medium' }).format(new Date(moment));
