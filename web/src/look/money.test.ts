import { afterEach, describe, expect, it, vi } from 'vitest';
import { dayText, digitsOf, moneyText, moneyTyped } from './money';

const plain = (text: string) => text.replaceAll(/\s/g, ' ');

describe('amounts', () => {
  it('are written in the way of the language', () => {
    expect(plain(moneyText({ amount: 1999, currency: 'EUR' }, 'de'))).toBe('19,99 €');
    expect(moneyText({ amount: 1999, currency: 'EUR' }, 'en')).toBe('€19.99');
  });
  it('know currencies without minor units', () => {
    expect(moneyText({ amount: 500, currency: 'JPY' }, 'en')).toBe('¥500');
    expect(moneyTyped('500', 'JPY')).toBe(500);
    expect(moneyTyped('5.5', 'JPY')).toBeNull();
  });
  it.each([
    ['19,99', 1999],
    ['19.9', 1990],
    ['1.234,50', 123450],
    ['1,234.50', 123450],
    ['7', 700],
  ])('%s is read as %i', (typed, amount) => expect(moneyTyped(typed, 'EUR')).toBe(amount));
  it.each(['', 'abc', '1,999,9999', '-3', '19.9999', '1O', '1.234,567', '1.234.50', '1.', '.5'])('"%s" is none', (typed) => {
    expect(moneyTyped(typed, 'EUR')).toBeNull();
  });
  it.each([
    ['1.234', 'EUR', 123400],
    ['1.234', 'JPY', 1234],
    ['1.234', 'KWD', 1234],
    ['1.235', 'KWD', 1235],
    ['1,2', 'KWD', 1200],
    ['12.345,678', 'KWD', 12345678],
    ['1.234.567', 'KWD', 1234567000],
  ])('%s %s has %i minor units', (typed, currency, amount) => expect(moneyTyped(typed, currency)).toBe(amount));
  it('of every currency are read as they are shown for editing', () => {
    for (const currency of ['JPY', 'EUR', 'KWD', 'BHD']) {
      const digits = digitsOf(currency);
      const shown = new Intl.NumberFormat('de', { minimumFractionDigits: digits, useGrouping: false });
      expect(moneyTyped(shown.format(1234567 / 10 ** digits), currency)).toBe(1234567);
    }
  });
});

describe('days', () => {
  afterEach(() => vi.unstubAllEnvs());
  it.each(['America/Los_Angeles', 'UTC', 'Pacific/Auckland'])('without a time are the same in %s', (zone) => {
    vi.stubEnv('TZ', zone);
    expect(dayText('2026-03-01', 'en-GB')).toBe('1 Mar 2026');
  });
  it('of a moment are those of the reader', () => {
    vi.stubEnv('TZ', 'America/Los_Angeles');
    expect(dayText('2026-03-01T00:30:00Z', 'en-GB')).toBe('28 Feb 2026');
  });
});
