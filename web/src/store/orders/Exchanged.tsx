import { Link } from 'wouter';
import { useWords } from '../../words/words';
import { reference } from './facts';
import type { Order } from './useOrder';

/** Of an order that was placed in exchange: for what. */
export function Exchanged({ order }: { order: Order }) {
  const { t } = useWords();
  const source = order.exchange?.exchange_for;
  if (!source) return null;
  return (
    <p className="soft">
      {t('exchange.for')}{' '}
      <Link href={`/orders/${source.order_id}`}>{t('orders.order', { reference: reference(source.order_id) })}</Link>
    </p>
  );
}
