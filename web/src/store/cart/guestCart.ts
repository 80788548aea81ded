/**
 * The cart of somebody who has not signed in: SKUs and quantities in this browser, and nothing else. Prices are asked of the shop
 * each time it is shown. Its id makes handing it over to the customer's cart safe to repeat, line by line.
 */
import { useSyncExternalStore } from 'react';

export interface GuestCart {
  id: string;
  items: Readonly<Record<string, number>>;
}

const PLACE = 'waybill.cart';
const MOST_OF_ONE = 999;
const MOST_LINES = 100;
const EMPTY: GuestCart = { id: '', items: {} };

/** Read what a browser has kept; whatever is not a cart is an empty one. */
export function readCart(text: string | null): GuestCart {
  try {
    const { id, items } = JSON.parse(text ?? '') as GuestCart;
    const lines = Object.entries(items).filter(([sku, quantity]) => sku && Number.isInteger(quantity) && quantity > 0);
    return { id: String(id), items: Object.fromEntries(lines.slice(0, MOST_LINES)) };
  } catch {
    return EMPTY;
  }
}

/** Answer the cart with another quantity of a product; 0 takes it out. */
export function withQuantity(cart: GuestCart, sku: string, quantity: number): GuestCart {
  const items = { ...cart.items, [sku]: Math.min(quantity, MOST_OF_ONE) };
  if (quantity <= 0) delete items[sku];
  return { id: cart.id || crypto.randomUUID(), items };
}

let now = readCart(localStorage.getItem(PLACE));
const listeners = new Set<() => void>();

function become(next: GuestCart): void {
  now = Object.keys(next.items).length > 0 ? next : EMPTY;
  if (now === EMPTY) localStorage.removeItem(PLACE);
  else localStorage.setItem(PLACE, JSON.stringify(now));
  for (const listener of listeners) listener();
}

window.addEventListener('storage', (event) => {
  if (event.key !== PLACE && event.key !== null) return; // null: all of it was cleared
  now = readCart(event.newValue);
  for (const listener of listeners) listener();
});

export const guestCart = {
  now: (): GuestCart => now,
  add: (sku: string, quantity: number) => become(withQuantity(now, sku, (now.items[sku] ?? 0) + quantity)),
  set: (sku: string, quantity: number) => become(withQuantity(now, sku, quantity)),
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

export const useGuestCart = (): GuestCart => useSyncExternalStore(guestCart.subscribe, guestCart.now);
