import { api, told } from '../../api/client';
import { Problem } from '../../api/problem';
import type { components } from '../../api/schema/inventory';

export type Offer = components['schemas']['OfferView'];

export const SORTS = ['sku', 'name', 'price', '-price'] as const;

/** What of the catalogue is looked at. */
export interface Wish {
  search: string;
  category: string;
  inStock: boolean;
  sort: (typeof SORTS)[number];
}

/** Read a wish from a page's address, so that it can be shared and gone back to. */
export function wishOf(address: string): Wish {
  const asked = new URLSearchParams(address);
  return {
    search: asked.get('q') ?? '',
    category: asked.get('category') ?? '',
    inStock: asked.has('in_stock'),
    sort: SORTS.find((sort) => sort === asked.get('sort')) ?? 'sku',
  };
}

/** Write a wish as a page's address. */
export function addressOf(wish: Wish): string {
  const asked = new URLSearchParams();
  if (wish.search) asked.set('q', wish.search);
  if (wish.category) asked.set('category', wish.category);
  if (wish.inStock) asked.set('in_stock', '');
  if (wish.sort !== 'sku') asked.set('sort', wish.sort);
  return asked.size ? `/?${asked}` : '/';
}

/** Read a SKU from a page's address; what is no encoding is taken as it stands. */
export function skuOf(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const PAGE = 24;

/** A product on sale; null where there is none of that SKU. */
export const productQuery = (sku: string) => ({
  queryKey: ['product', sku],
  queryFn: async (): Promise<Offer | null> => {
    try {
      return await told(api.GET('/api/products/{sku}', { params: { path: { sku } } }));
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return null;
      throw error;
    }
  },
});

const FEW = 5;

/** The first few products on sale that are found for a word. */
export const offersQuery = (search: string) => ({
  queryKey: ['products', 'few', search],
  queryFn: ({ signal }: { signal: AbortSignal }) =>
    told(api.GET('/api/products', { signal, params: { query: { limit: FEW, q: search } } })),
});

/** The products on sale that are wished for, page by page. */
export const catalogueQuery = (wish: Wish) => ({
  queryKey: ['products', wish],
  queryFn: ({ pageParam, signal }: { pageParam: string | null; signal: AbortSignal }) => {
    const { search, category, inStock, sort } = wish;
    const query = { limit: PAGE, cursor: pageParam, q: search || null, category: category || null, in_stock: inStock, sort };
    return told(api.GET('/api/products', { signal, params: { query } }));
  },
  initialPageParam: null as string | null,
  getNextPageParam: (last: { next_cursor: string | null }) => last.next_cursor,
});
