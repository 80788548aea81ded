/**
 * The cart as pages see it: a guest's in this browser, a customer's at the shop. What is shown of prices is the shop's in both.
 *
 * A customer's cart may change in another tab or on another device. A change carries the version it was made for; where that is
 * past, nothing is changed, and the page says what the cart holds now.
 */
import { useIsMutating, useMutation, useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, told, toldWithVersion } from '../../api/client';
import { Problem } from '../../api/problem';
import type { components } from '../../api/schema/order';
import type { Money } from '../../look/money';
import { usePerson } from '../../session/usePerson';
import { productQuery } from '../catalogue/products';
import { type Difference, differences } from './cartTexts';
import { guestCart, useGuestCart } from './guestCart';

export type CartLine = components['schemas']['CartLineView'];
export interface ShopCart {
  data: components['schemas']['CartView'];
  version: string | null;
}

export interface Cart {
  lines: CartLine[];
  total: Money | null;
  count: number;
  /** Whether there is nothing to show yet. */
  loading: boolean;
  error: Error | null;
  again: () => void;
}

const MUTATION = ['cart'];
const CHANGED = ['cart-changed'];

export const isCustomer = (person: ReturnType<typeof usePerson>) => person?.roles.has('customer') ?? false;

export function cartQuery(userId: string) {
  return { queryKey: ['cart', userId], queryFn: (): Promise<ShopCart> => toldWithVersion(api.GET('/api/cart')) };
}

const units = (quantities: readonly number[]) => quantities.reduce((sum, quantity) => sum + quantity, 0);

/** How many units are in the cart: what the header shows. */
export function useCartCount(): number {
  const person = usePerson();
  const guest = useGuestCart();
  const shop = useQuery({ ...cartQuery(person?.id ?? ''), enabled: isCustomer(person) });
  return units(Object.values(guest.items)) + units(shop.data?.data.items.map((line) => line.quantity) ?? []);
}

/** The cart of whoever looks. A customer's is shown once what they chose as a guest has come into it. */
export function useCart(): Cart {
  const person = usePerson();
  const guest = useGuestCart();
  const skus = Object.keys(guest.items);
  const customer = isCustomer(person);
  const shop = useQuery({ ...cartQuery(person?.id ?? ''), enabled: customer && skus.length === 0 });
  const offers = useQueries({ queries: customer ? [] : skus.map(productQuery) });

  if (customer) {
    const lines = shop.data?.data.items ?? [];
    return {
      lines,
      total: shop.data?.data.total_amount ?? null,
      count: units(lines.map((line) => line.quantity)),
      loading: shop.data === undefined || skus.length > 0,
      error: shop.data === undefined ? shop.error : null,
      again: () => void shop.refetch(),
    };
  }
  const lines = skus.map((sku, at): CartLine => {
    const offer = offers[at]?.data;
    const quantity = guest.items[sku] ?? 0;
    return {
      product_id: sku,
      name: offer?.name ?? null,
      quantity,
      price: offer?.price ?? null,
      subtotal: offer ? { ...offer.price, amount: offer.price.amount * quantity } : null,
      available: offer !== null,
    };
  });
  const sums = lines.flatMap((line) => (line.subtotal ? [line.subtotal] : []));
  return {
    lines,
    total: sums[0] ? { currency: sums[0].currency, amount: units(sums.map((sum) => sum.amount)) } : null,
    count: units(Object.values(guest.items)),
    loading: offers.some((offer) => offer.isPending),
    error: offers.find((offer) => offer.error)?.error ?? null,
    again: () => offers.forEach((offer) => void offer.refetch()),
  };
}

/** Whether a change of the cart is on its way: amounts are then those of before. */
export const useCartBusy = (): boolean => useIsMutating({ mutationKey: MUTATION }) > 0;

/** What the cart was found to hold when a change met another version of it; empty again once it was read. */
export function useCartNews(): { news: Difference[]; read: () => void } {
  const queries = useQueryClient();
  const news = useQuery<Difference[]>({ queryKey: CHANGED, queryFn: () => [], enabled: false, initialData: [] });
  return { news: news.data, read: () => queries.setQueryData(CHANGED, []) };
}

interface CartChange {
  sku: string;
  quantity: number;
}

/** Put more of a product into the cart. */
export function useAddToCart() {
  const person = usePerson();
  const queries = useQueryClient();
  return useMutation({
    mutationKey: MUTATION,
    scope: { id: 'cart' },
    mutationFn: async ({ sku, quantity }: CartChange) => {
      if (!isCustomer(person)) {
        guestCart.add(sku, quantity);
        return null;
      }
      return toldWithVersion(api.POST('/api/cart/items', { body: { product_id: sku, quantity } }));
    },
    onSuccess: (cart) => cart && queries.setQueryData(cartQuery(person?.id ?? '').queryKey, cart),
  });
}

/** Set how much of a product is in the cart; 0 takes it out. Several changes go one after the other. */
export function useSetQuantity() {
  const person = usePerson();
  const queries = useQueryClient();
  const { queryKey, queryFn } = cartQuery(person?.id ?? '');
  const cached = () => queries.getQueryData<ShopCart>(queryKey);

  return useMutation({
    mutationKey: MUTATION,
    scope: { id: 'cart' },
    onMutate: async ({ sku, quantity }: CartChange) => {
      if (!isCustomer(person)) return undefined;
      await queries.cancelQueries({ queryKey });
      const before = cached();
      if (before) queries.setQueryData(queryKey, { ...before, data: withLine(before.data, sku, quantity) });
      return before?.data.items;
    },
    mutationFn: async ({ sku, quantity }: CartChange) => {
      if (!isCustomer(person)) {
        guestCart.set(sku, quantity);
        return null;
      }
      const header = { 'if-match': cached()?.version ?? '*' };
      return toldWithVersion(api.PATCH('/api/cart/items/{sku}', { params: { path: { sku }, header }, body: { quantity } }));
    },
    onSuccess: (cart) => {
      if (!cart) return;
      const another = queries.isMutating({ mutationKey: MUTATION }) > 1; // its quantity is already shown
      queries.setQueryData(queryKey, another ? { data: cached()?.data ?? cart.data, version: cart.version } : cart);
    },
    onError: async (error, _, before) => {
      const now = await queries.fetchQuery({ queryKey, queryFn, staleTime: 0 });
      if (error instanceof Problem && error.status === 412 && before) {
        queries.setQueryData(CHANGED, differences(before, now.data.items));
      }
    },
  });
}

function withLine(cart: ShopCart['data'], sku: string, quantity: number): ShopCart['data'] {
  const items = cart.items.map((line) => (line.product_id === sku ? { ...line, quantity } : line));
  return { ...cart, items: items.filter((line) => line.quantity > 0) };
}

/** Add up the lines of each product, without those of which nothing is left. */
function bySku(lines: readonly (readonly [string, number])[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [sku, quantity] of lines) if (quantity > 0) sums.set(sku, (sums.get(sku) ?? 0) + quantity);
  return sums;
}

/** Put the lines of a cart into the customer's at the shop; safe to repeat under the same name. Answers what is not on sale. */
export async function putIntoShopCart(name: string, lines: readonly (readonly [string, number])[]): Promise<string[]> {
  const refused: string[] = [];
  for (const [sku, quantity] of bySku(lines)) {
    try {
      const headers = { 'Idempotency-Key': `${name}-${sku}` };
      await told(api.POST('/api/cart/items', { body: { product_id: sku, quantity }, headers }));
    } catch (error) {
      if (!(error instanceof Problem) || error.status < 400 || error.status >= 500 || error.status === 401) throw error;
      refused.push(sku);
    }
  }
  return refused;
}
