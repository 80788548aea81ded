/** Texts of the storefront, the customer area and the tracking page. */
import * as shared from '../words/shared';
import type { Catalogue } from '../words/words';
import * as checkout from './words/checkout';
import * as orders from './words/orders';
import * as problems from './words/problems';
import * as shop from './words/shop';
import * as tracking from './words/tracking';

export const en = { ...shared.en, ...problems.en, ...shop.en, ...checkout.en, ...orders.en, ...tracking.en } as const;

export const de: Catalogue<keyof typeof en> = {
  ...shared.de,
  ...problems.de,
  ...shop.de,
  ...checkout.de,
  ...orders.de,
  ...tracking.de,
};
