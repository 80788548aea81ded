import { api, told } from '../../api/client';
import { Problem } from '../../api/problem';
import type { components } from '../../api/schema/inventory';

export type Offer = components['schemas']['OfferView'];

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

/** The products on sale that match a search, page by page. */
export const catalogueQuery = (search: string) => ({
  queryKey: ['products', search],
  queryFn: ({ pageParam, signal }: { pageParam: string | null; signal: AbortSignal }) =>
    told(api.GET('/api/products', { signal, params: { query: { limit: PAGE, cursor: pageParam, q: search || null } } })),
  initialPageParam: null as string | null,
  getNextPageParam: (last: { next_cursor: string | null }) => last.next_cursor,
});
