import { describe, expect, it } from 'vitest';
import { moneyText, moneyTyped } from './money';

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
  it.each(['', 'abc', '1,999,9999', '-3', '1.234'])('"%s" is never read as a surprise', (typed) => {
    expect([null, 123400]).toContain(moneyTyped(typed, 'EUR'));
  });
});
