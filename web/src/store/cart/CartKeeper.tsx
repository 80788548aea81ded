import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { usePerson } from '../../session/usePerson';
import { useWords } from '../../words/words';
import { Failure, Note } from '../parts/Note';
import { guestCart, useGuestCart } from './guestCart';
import { isCustomer, putIntoShopCart } from './useCart';

/** Brings what a guest chose into the customer's cart when they sign in, and says what could not come along. */
export function CartKeeper() {
  const { t } = useWords();
  const person = usePerson();
  const guest = useGuestCart();
  const queries = useQueryClient();
  const [refused, setRefused] = useState<string[]>([]);
  const [failure, setFailure] = useState<unknown>(null);
  const [attempt, setAttempt] = useState(0);
  const due = isCustomer(person) && Object.keys(guest.items).length > 0;

  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt is another run
  useEffect(() => {
    if (!due) return;
    let current = true;
    const handOver = async () => {
      const { id, items } = guestCart.now();
      for (const [sku, quantity] of Object.entries(items)) {
        const left = await putIntoShopCart(id, [[sku, quantity]]);
        if (current) setRefused((before) => [...before, ...left]);
        guestCart.set(sku, 0);
      }
      await queries.invalidateQueries({ queryKey: ['cart'] });
    };
    setFailure(null);
    handOver().catch((error) => current && setFailure(error));
    return () => {
      current = false;
    };
  }, [due, attempt, queries]);

  if (failure) return <Failure error={failure} again={() => setAttempt(attempt + 1)} />;
  if (refused.length === 0) return null;
  return (
    <Note kind="warn">
      <p>{t('cart.left_out', { skus: refused.join(', ') })}</p>
      <button type="button" className="button quiet" onClick={() => setRefused([])}>
        {t('action.understood')}
      </button>
    </Note>
  );
}
