/** Texts of the storefront, the customer area and the tracking page. */
import * as shared from '../words/shared';
import type { Catalogue } from '../words/words';

export const en = {
  ...shared.en,
  'shop.title': 'Shop',
  'account.sign_in': 'Sign in',
} as const;

export const de: Catalogue<keyof typeof en> = {
  ...shared.de,
  'shop.title': 'Shop',
  'account.sign_in': 'Anmelden',
};
