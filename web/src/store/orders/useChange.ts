import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Problem } from '../../api/problem';
import { type Order, orderQuery } from './useOrder';

/**
 * A change of an order: the answer takes the place of what is shown. A refusal that says the order is another one by now (409, 412)
 * has it read anew, so that the sentence about it stands beside what is true.
 */
export function useChange<Input>(order: Order, change: (input: Input) => Promise<Order | undefined>, done: () => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: async (answer) => {
      if (answer) queries.setQueryData(['order', order.order_id], answer);
      else await queries.invalidateQueries({ queryKey: ['order', order.order_id] });
      void queries.invalidateQueries({ queryKey: ['orders'] });
      done();
    },
    onError: async (error) => {
      if (error instanceof Problem && [409, 412].includes(error.status)) {
        await queries.fetchQuery({ ...orderQuery(order.order_id), staleTime: 0 });
      }
    },
  });
}
