import { describe, expect, it } from 'vitest';
import { checkAddress, checkContact, checkDraft } from './checks';
import { COUNTRIES, countryOf } from './countries';
import { addressBody, blankAddress, type Draft, noPayment, orderBody, patchBody, paymentBody, phoneBody } from './draft';

const berlin = { ...blankAddress('DE'), name: 'Ada', line1: 'Unter den Linden 1', city: 'Berlin', postal_code: '10117' };
const draft: Draft = {
  email: 'ada@example.com',
  phone: '',
  shipping: berlin,
  sameBilling: true,
  billing: blankAddress('DE'),
  way: null,
  payment: { ...noPayment, card: 'tok_ok' },
};
const noGift = { known: false, paysAll: false };

describe('addresses', () => {
  it.each(COUNTRIES.map((country) => [country.code, country.example]))('of %s take a postal code like %s', (code, example) => {
    expect(countryOf(code).postal?.test(example)).toBe(true);
  });
  it('are asked for what their country writes', () => {
    expect(checkAddress(berlin, 'shipping_address')).toEqual({});
    const wrongs = checkAddress({ ...berlin, country: 'US' }, 'shipping_address');
    expect(wrongs).toEqual({ 'shipping_address.region': { key: 'wrong.needed' } });
    expect(checkAddress({ ...berlin, country: 'GB' }, 'a')['a.postal_code']?.example).toBe('SW1A 1AA');
    expect(checkAddress({ ...berlin, country: 'JP', postal_code: '100-0001' }, 'a')).toEqual({});
  });
  it('are sent without blanks around, and without what is empty', () => {
    const sent = addressBody({ ...berlin, name: ' Ada ', country: 'NL', postal_code: '1012 ab' });
    expect(sent).toMatchObject({ name: 'Ada', line2: null, region: null, postal_code: '1012 AB' });
  });
});

describe('contact', () => {
  it.each(['', 'ada', 'ada@example', 'a b@example.com'])('"%s" is no address for mail', (email) => {
    expect(Object.keys(checkContact(email, ''))).toEqual(['contact.email']);
  });
  it.each([
    ['0049 30 1234567', '+49 30 1234567', true],
    ['+49 (30) 1234567', '+49 (30) 1234567', true],
    ['030 1234567', '030 1234567', false],
  ])('the number %s is sent as %s', (typed, sent, good) => {
    expect(phoneBody(typed)).toBe(sent);
    expect('contact.phone' in checkContact('a@example.com', typed)).toBe(!good);
  });
});

describe('payment', () => {
  it('by gift card asks for a card where the balance is too small', () => {
    const payment = { method: 'gift_card', card: '', gift_card: 'ABCD-EFGH' } as const;
    expect(Object.keys(checkDraft({ ...draft, payment }, noGift))).toEqual(['payment.gift_card']);
    expect(Object.keys(checkDraft({ ...draft, payment }, { known: true, paysAll: false }))).toEqual(['payment.token']);
    expect(checkDraft({ ...draft, payment }, { known: true, paysAll: true })).toEqual({});
    expect(paymentBody(payment, true)).toEqual({ method: 'gift_card', gift_card: 'ABCD-EFGH' });
    expect(paymentBody({ ...payment, card: 'tok_ok' }, false)).toMatchObject({ method: 'card', token: 'tok_ok' });
  });
  it('by transfer sends no card that was chosen before', () => {
    expect(paymentBody({ ...draft.payment, method: 'bank_transfer' }, false)).toEqual({ method: 'bank_transfer' });
  });
});

it('an order is placed at the total that was shown', () => {
  const total = { amount: 1680, currency: 'EUR' };
  const body = orderBody(draft, { total, way: 'express', giftPaysAll: false, language: 'de' });
  expect(body).toMatchObject({ expected_total: total, shipping_method: 'express', contact: { locale: 'de', phone: null } });
  expect(body).not.toHaveProperty('items');
  expect(body).not.toHaveProperty('billing_address');
});

describe('a change of addresses', () => {
  const moved = { ...draft, shipping: { ...berlin, line1: 'Torstraße 7' } };
  const hamburg = { ...berlin, city: 'Hamburg', postal_code: '20095' };
  it('is none where nothing is another', () => expect(patchBody(draft, draft, 'de')).toBeNull());
  it('takes along the invoice that goes to the same address', () => {
    expect(patchBody(draft, moved, 'de')).toEqual({
      shipping_address: addressBody(moved.shipping),
      billing_address: addressBody(moved.shipping),
    });
  });
  it('leaves an invoice where it is that goes elsewhere', () => {
    const elsewhere = { sameBilling: false, billing: hamburg };
    const body = patchBody({ ...draft, ...elsewhere }, { ...moved, ...elsewhere }, 'de');
    expect(body).toEqual({ shipping_address: addressBody(moved.shipping) });
  });
  it('may be of the invoice alone, or of how somebody is reached', () => {
    const billed = { ...draft, sameBilling: false, billing: hamburg };
    expect(patchBody(draft, billed, 'de')).toEqual({ billing_address: addressBody(hamburg) });
    const reached = patchBody(draft, { ...draft, phone: '0049 30 1' }, 'de');
    expect(reached).toEqual({ contact: { email: 'ada@example.com', phone: '+49 30 1', locale: 'de' } });
  });
});
