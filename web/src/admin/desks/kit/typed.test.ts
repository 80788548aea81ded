import { describe, expect, it } from 'vitest';
import { formRead, formText, isReadable, moneyRead, needed, numberRead } from './typed';

describe('what is typed as a number', () => {
  it.each([
    ['12', 12],
    [' -3 ', -3],
    ['', null],
    ['12.5', Number.NaN],
    ['1O', Number.NaN],
    ['twelve', Number.NaN],
  ])('"%s" is read as %s', (text, value) => expect(numberRead(text)).toBe(value));
  it.each([
    ['19.99', 1999],
    ['', null],
    ['19.9999', Number.NaN],
    ['1O', Number.NaN],
  ])('the amount "%s" is read as %s', (text, value) => expect(moneyRead(text, 'EUR')).toBe(value));
});

describe('a form', () => {
  const form = (price: number | null) => ({ name: 'NaN', rates: [{ countries: ['DE'], up_to_grams: null, price }] });
  it('is not sent while a text of it is no number', () => {
    expect(isReadable(form(moneyRead('19.9999', 'EUR')))).toBe(false);
    expect(isReadable(form(moneyRead('19.99', 'EUR')))).toBe(true);
  });
  it('is not sent while a number that it needs is missing', () => {
    expect(isReadable(form(needed(moneyRead('', 'EUR'))))).toBe(false);
    expect(isReadable(form(needed(0)))).toBe(true);
  });
  it('is after a reload what it was before', () => {
    expect(formRead(formText(form(Number.NaN)))).toEqual(form(Number.NaN));
    expect(formRead(formText(form(null)))).toEqual(form(null));
  });
});
