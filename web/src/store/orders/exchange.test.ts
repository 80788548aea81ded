import { describe, expect, it } from 'vitest';
import '../../testing';
import { Problem } from '../../api/problem';
import { differenceOf, exchangeBody, isComplete, MONEY_BACK } from './ExchangeWish';

const lamp = { ...MONEY_BACK, instead: true, picked: { LAMP: 1, MUG: 0 } };
const difference = { amount: 450, currency: 'EUR' };

describe('what is wanted for a return', () => {
  it('is the money, unless something else is', () => {
    expect(exchangeBody({ ...lamp, instead: false })).toBeNull();
    expect(isComplete(MONEY_BACK)).toBe(true);
  });
  it('names what is picked, and nothing that is not', () => {
    expect(exchangeBody(lamp)).toEqual({ items: [{ product_id: 'LAMP', quantity: 1 }], payment: null });
    expect(isComplete(lamp)).toBe(true);
    expect(isComplete({ ...lamp, picked: { MUG: 0 } })).toBe(false);
  });
  it('is paid by a card only once it was said how much', () => {
    expect(exchangeBody({ ...lamp, card: 'tok_ok' })?.payment).toBeNull();
    expect(exchangeBody({ ...lamp, card: 'tok_ok', difference })?.payment).toEqual({ method: 'card', token: 'tok_ok' });
  });
});

describe('a refusal', () => {
  it('may say what remains to be paid', () => {
    expect(differenceOf(new Problem(422, 'exchange-payment', '', '', { difference }))).toEqual(difference);
  });
  it.each([new Problem(422, 'exchange-worthless', '', ''), new Error('dead'), null])('%s says nothing of it', (error) => {
    expect(differenceOf(error)).toBeNull();
  });
});
