import { useWords } from '../../words/words';
import type { Offer } from './products';

/** Whether a product can be had now. */
export function StockBadge({ offer }: { offer: Offer }) {
  const { t } = useWords();
  return <span className={`badge ${offer.availability}`}>{t(`stock.${offer.availability}`)}</span>;
}
