import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { useWords } from '../../words/words';
import { putIntoShopCart } from '../cart/useCart';
import { Failure, Note } from '../parts/Note';
import { AddDialog } from './AddDialog';
import { AddressDialog } from './AddressDialog';
import { CancelDialog } from './CancelDialog';
import { FewerDialog } from './FewerDialog';
import { returnable } from './facts';
import { returnsQuery } from './parts';
import { ReturnDialog } from './ReturnDialog';
import type { Order } from './useOrder';

type Open = 'cancel' | 'address' | 'fewer' | 'add' | 'return' | null;

/** Put what was in an order into the cart again. */
function BuyAgain({ order }: { order: Order }) {
  const { t } = useWords();
  const queries = useQueryClient();
  const again = useMutation({
    mutationFn: () => {
      const lines = order.items.map((item) => [item.product_id, item.quantity] as const);
      return putIntoShopCart(crypto.randomUUID(), lines);
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ['cart'] }),
  });
  if (again.data) {
    return (
      <Note kind={again.data.length ? 'warn' : 'good'}>
        <p>{again.data.length ? t('cart.left_out', { skus: again.data.join(', ') }) : t('order.in_cart_again')}</p>
        <Link href="/cart" className="button quiet">
          {t('cart.open')}
        </Link>
      </Note>
    );
  }
  return (
    <>
      <button type="button" className="button" disabled={again.isPending} onClick={() => again.mutate()}>
        {t('order.buy_again')}
      </button>
      {again.error && <Failure error={again.error} />}
    </>
  );
}

/** What the customer may do with an order now: what the shop allows, and nothing else. */
export function Actions({ order }: { order: Order }) {
  const { t } = useWords();
  const [open, setOpen] = useState<Open>(null);
  const [said, setSaid] = useState('');
  const may = (action: string) => order.allowed_actions.includes(action);
  const returns = useQuery({ ...returnsQuery(order), enabled: may('return') });
  const canReturn = may('return') && returns.data !== undefined && returnable(order, returns.data.items).size > 0;
  const close = (text = '') => {
    setOpen(null);
    setSaid(text);
  };
  const button = (which: Exclude<Open, null>) => (
    <button type="button" className={which === 'cancel' ? 'button danger quiet' : 'button'} onClick={() => setOpen(which)}>
      {t(`action.${which}`)}
    </button>
  );
  return (
    <>
      {said && (
        <Note kind="good" focused>
          <p>{said}</p>
        </Note>
      )}
      <div className="buttons">
        {may('change') && button('address')}
        {may('change') && button('fewer')}
        {may('change') && button('add')}
        {canReturn && button('return')}
        {may('cancel') && button('cancel')}
        {['Cancelled', 'Refunded', 'Delivered'].includes(order.status) && <BuyAgain order={order} />}
      </div>
      {open === 'cancel' && <CancelDialog order={order} onClose={close} />}
      {open === 'address' && <AddressDialog order={order} onClose={close} />}
      {open === 'fewer' && <FewerDialog order={order} onClose={close} />}
      {open === 'add' && <AddDialog order={order} onClose={close} />}
      {open === 'return' && <ReturnDialog order={order} returns={returns.data?.items ?? []} onClose={close} />}
    </>
  );
}
