import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Problem } from '../../api/problem';
import { looksTheSame } from './facts';
import { type Order, orderQuery } from './useOrder';

const ATTEMPTS = 4;

/**
 * A change of an order: the answer takes the place of what is shown. It is made for the version that the customer sees. Where the
 * order has moved on, it is made again if nothing they see is another now (a label was bought, stock has followed); else they are
 * told, and the order is shown as it is. A change in several steps tells after each by `show` what the order is now.
 */
export function useChange(
  order: Order,
  change: (order: Order, show: (now: Order) => void) => Promise<Order | undefined>,
  done: () => void,
) {
  const queries = useQueryClient();
  const now = () => queries.fetchQuery({ ...orderQuery(order.order_id), staleTime: 0 });
  return useMutation({
    mutationFn: async () => {
      let known = order;
      let seen = order;
      const show = (next: Order) => {
        seen = next;
        queries.setQueryData(['order', order.order_id], next);
      };
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await change(known, show);
        } catch (error) {
          if (!(error instanceof Problem) || ![409, 412].includes(error.status)) throw error;
          const next = await now();
          if (error.status === 409 || attempt === ATTEMPTS || !looksTheSame(seen, next)) throw error;
          known = next;
        }
      }
    },
    onSuccess: async (answer) => {
      if (answer) queries.setQueryData(['order', order.order_id], answer);
      else await queries.invalidateQueries({ queryKey: ['order', order.order_id] });
      void queries.invalidateQueries({ queryKey: ['orders'] });
      done();
    },
  });
}
