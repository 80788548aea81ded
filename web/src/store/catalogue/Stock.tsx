import { useWords } from '../../words/words';
import type { Offer } from './products';

/** Whether a product can be had now. */
export function StockBadge({ offer }: { offer: Offer }) {
  const { t } = useWords();
  const state = offer.available ? (offer.backorder ? 'to_order' : 'in_stock') : 'sold_out';
  return <span className={`badge ${state}`}>{t(`stock.${state}`)}</span>;
}
