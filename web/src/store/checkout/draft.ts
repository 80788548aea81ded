/**
 * What a person has typed at the checkout, kept for this tab until the order is placed: a reload and the way over the sign-in lose
 * nothing. It holds no card, only which of the test cards was chosen; somebody else who signs in here starts afresh.
 */
import type { components } from '../../api/schema/order';
import type { Language } from '../../words/words';

type Order = components['schemas']['OrderView'];

export interface AddressDraft {
  name: string;
  line1: string;
  line2: string;
  city: string;
  region: string;
  postal_code: string;
  country: string;
}

export type PaymentMethod = 'card' | 'gift_card' | 'bank_transfer' | 'cash_on_delivery';

export interface PaymentDraft {
  method: PaymentMethod;
  card: string;
  gift_card: string;
}

export interface Draft {
  email: string;
  phone: string;
  shipping: AddressDraft;
  sameBilling: boolean;
  billing: AddressDraft;
  /** The way of shipping; null: the cheapest. */
  way: string | null;
  payment: PaymentDraft;
}

const PLACE = 'waybill.checkout';

export const blankAddress = (country: string): AddressDraft => ({
  name: '',
  line1: '',
  line2: '',
  city: '',
  region: '',
  postal_code: '',
  country,
});

export const noPayment: PaymentDraft = { method: 'card', card: '', gift_card: '' };

function likelyCountry(): string {
  const region = navigator.languages.map((tag) => new Intl.Locale(tag).region).find(Boolean);
  return region ?? 'DE';
}

export const blankDraft = (): Draft => ({
  email: '',
  phone: '',
  shipping: blankAddress(likelyCountry()),
  sameBilling: true,
  billing: blankAddress(likelyCountry()),
  way: null,
  payment: noPayment,
});

const addressOf = (given: Record<string, unknown>): AddressDraft => {
  const blank = blankAddress('DE');
  const named = Object.keys(blank).map((name) => [name, String(given[name] ?? '')]);
  return { ...blank, ...Object.fromEntries(named) };
};

/** Start from what was given with the last order. */
export function draftLike(order: Order): Draft {
  const shipping = addressOf(order.shipping_address);
  const billing = addressOf(order.billing_address);
  return {
    ...blankDraft(),
    email: String(order.contact.email ?? ''),
    phone: String(order.contact.phone ?? ''),
    shipping,
    billing,
    sameBilling: JSON.stringify(shipping) === JSON.stringify(billing),
  };
}

export function readDraft(userId: string): Draft | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? '') as { of: string; draft: Draft };
    return kept.of === userId ? { ...blankDraft(), ...kept.draft } : null;
  } catch {
    return null;
  }
}

export const keepDraft = (userId: string, draft: Draft): void =>
  sessionStorage.setItem(PLACE, JSON.stringify({ of: userId, draft }));

export const forgetDraft = (): void => sessionStorage.removeItem(PLACE);

// --- what is sent -------------------------------------------------------------------------------------------------------------

type Body = components['schemas']['OrderBody'];

export function addressBody(address: AddressDraft): components['schemas']['AddressBody'] {
  return {
    name: address.name.trim(),
    line1: address.line1.trim(),
    line2: address.line2.trim() || null,
    city: address.city.trim(),
    region: address.region.trim() || null,
    postal_code: address.postal_code.trim().toUpperCase(),
    country: address.country,
  };
}

/** Write a phone number as it is dialled from abroad: 0049 … is +49 …. */
export const phoneBody = (typed: string): string | null => typed.trim().replace(/^00/, '+') || null;

export function paymentBody(payment: PaymentDraft, giftPaysAll: boolean): Body['payment'] {
  if (payment.method === 'gift_card') {
    return giftPaysAll
      ? { method: 'gift_card', gift_card: payment.gift_card.trim() }
      : { method: 'card', token: payment.card, gift_card: payment.gift_card.trim() };
  }
  return payment.method === 'card' ? { method: 'card', token: payment.card } : { method: payment.method };
}

const billingOf = (draft: Draft): AddressDraft => (draft.sameBilling ? draft.shipping : draft.billing);
const differs = (one: unknown, other: unknown): boolean => JSON.stringify(one) !== JSON.stringify(other);

/** What of an order is to be another; null where nothing is. An invoice that goes to the same address goes along with it. */
export function patchBody(before: Draft, draft: Draft, locale: string): components['schemas']['OrderPatch'] | null {
  const isReached = before.email !== draft.email || before.phone !== draft.phone;
  const contact = { email: draft.email.trim(), phone: phoneBody(draft.phone), locale };
  const body = {
    ...(differs(before.shipping, draft.shipping) ? { shipping_address: addressBody(draft.shipping) } : {}),
    ...(differs(billingOf(before), billingOf(draft)) ? { billing_address: addressBody(billingOf(draft)) } : {}),
    ...(isReached ? { contact } : {}),
  };
  return Object.keys(body).length > 0 ? body : null;
}

/** The order as it is placed: of the cart, at the total that was shown. */
export function orderBody(
  draft: Draft,
  shown: { total: { amount: number; currency: string }; way: string | null; giftPaysAll: boolean; language: Language },
): Body {
  return {
    shipping_address: addressBody(draft.shipping),
    ...(draft.sameBilling ? {} : { billing_address: addressBody(draft.billing) }),
    contact: { email: draft.email.trim(), phone: phoneBody(draft.phone), locale: shown.language },
    payment: paymentBody(draft.payment, shown.giftPaysAll),
    ...(shown.way ? { shipping_method: shown.way } : {}),
    expected_total: shown.total,
  };
}
