/** What is wrong with what was typed, by the name the service has for the field; the texts are keys of the catalogues. */
import { countryOf } from './countries';
import { type AddressDraft, type Draft, phoneBody } from './draft';

export interface Wrong {
  key: string;
  example?: string;
}
export type Wrongs = Record<string, Wrong>;

const EMAIL = /^[^@\s"<>,;:\\]+@[^@\s"<>,;:\\]+\.[A-Za-z]{2,}$/;
const PHONE = /^\+[0-9 ().-]{6,28}$/;

/** Check an address as it is written in its country. */
export function checkAddress(address: AddressDraft, at: string): Wrongs {
  const country = countryOf(address.country);
  const wrongs: Wrongs = {};
  for (const name of ['name', 'line1', 'city', 'postal_code'] as const) {
    if (!address[name].trim()) wrongs[`${at}.${name}`] = { key: 'wrong.needed' };
  }
  const postal = address.postal_code.trim();
  if (postal && country.postal && !country.postal.test(postal)) {
    wrongs[`${at}.postal_code`] = { key: 'wrong.postal_code', example: country.example };
  }
  if (country.region?.required && !address.region.trim()) wrongs[`${at}.region`] = { key: 'wrong.needed' };
  return wrongs;
}

export function checkContact(email: string, phone: string): Wrongs {
  const wrongs: Wrongs = {};
  if (!email.trim()) wrongs['contact.email'] = { key: 'wrong.needed' };
  else if (!EMAIL.test(email.trim())) wrongs['contact.email'] = { key: 'wrong.email' };
  const number = phoneBody(phone);
  if (number && !PHONE.test(number)) wrongs['contact.phone'] = { key: 'wrong.phone' };
  return wrongs;
}

/** Check all of a draft; `gift` is what is known of its gift card. */
export function checkDraft(draft: Draft, gift: { known: boolean; paysAll: boolean }): Wrongs {
  const { payment } = draft;
  const wrongs: Wrongs = {
    ...checkContact(draft.email, draft.phone),
    ...checkAddress(draft.shipping, 'shipping_address'),
    ...(draft.sameBilling ? {} : checkAddress(draft.billing, 'billing_address')),
  };
  if (payment.method === 'gift_card' && !gift.known) wrongs['payment.gift_card'] = { key: 'wrong.gift_card' };
  const cardPays = payment.method === 'card' || (payment.method === 'gift_card' && gift.known && !gift.paysAll);
  if (cardPays && !payment.card) wrongs['payment.token'] = { key: 'wrong.card' };
  return wrongs;
}
