/** Texts of the list of orders and of an order's page. */
import type { Catalogue } from '../../words/words';

export const en = {
  'desk.orders': 'Orders',
  'orders.title': 'Orders',
  'resources.orders.name': 'Order |||| Orders',
} as const;

export const de: Catalogue<keyof typeof en> = {
  'desk.orders': 'Bestellungen',
  'orders.title': 'Bestellungen',
  'resources.orders.name': 'Bestellung |||| Bestellungen',
};
