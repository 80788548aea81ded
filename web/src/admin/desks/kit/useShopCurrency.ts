import { useQuery } from '@tanstack/react-query';
import { api, told } from '../../../api/client';

const USUAL = 'EUR';

/** The shop's currency, as its products have it: amounts of rules and terms are in it. */
export function useShopCurrency(): string {
  const products = useQuery({
    queryKey: ['products', 'currency'],
    queryFn: () => told(api.GET('/api/products', { params: { query: { limit: 1 } } })),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  return products.data?.items[0]?.price.currency ?? USUAL;
}
