/** Amounts and moments as people read them; the services speak minor units of ISO 4217 and RFC 3339. */

export interface Money {
  amount: number;
  currency: string;
}

/** How many figures of a currency stand behind the decimal sign. */
export const digitsOf = (currency: string): number =>
  new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;

/** Write an amount of minor units (1999 EUR) in a language's own way (19,99 €). */
export function moneyText(money: Money, language: string): string {
  const format = new Intl.NumberFormat(language, { style: 'currency', currency: money.currency });
  return format.format(money.amount / 10 ** digitsOf(money.currency));
}

/**
 * Read what a person typed ("19,99", "1.234,50", "19.99") as minor units; null when it is no amount. The last sign is the
 * decimal one where no more figures follow it than the currency has, and no other is like it; other signs set thousands apart.
 */
export function moneyTyped(text: string, currency: string): number | null {
  const digits = digitsOf(currency);
  const typed = text.trim();
  const [, before = '', sign = '', behind = ''] = /^(.*)([.,])(\d+)$/.exec(typed) ?? [];
  const isDecimal = sign !== '' && behind.length <= digits && !before.includes(sign);
  const [whole, part] = isDecimal ? [before, behind] : [typed, ''];
  if (!/^(\d+|\d{1,3}([.,' ])\d{3}(\2\d{3})*)$/.test(whole)) return null;
  const amount = Number(whole.replaceAll(/[.,' ]/g, '') + part.padEnd(digits, '0'));
  return Number.isSafeInteger(amount) ? amount : null;
}

const MOMENT: Intl.DateTimeFormatOptions = { dateStyle: 'medium', timeStyle: 'short' };

/** Write a moment in the reader's own time zone. */
export const momentText = (moment: string, language: string): string =>
  new Intl.DateTimeFormat(language, MOMENT).format(new Date(moment));

/** Write the day of a moment in the reader's own time zone. A day without a time is the same day everywhere. */
export function dayText(moment: string, language: string): string {
  const zone = moment.includes('T') ? {} : { timeZone: 'UTC' };
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', ...zone }).format(new Date(moment));
}
