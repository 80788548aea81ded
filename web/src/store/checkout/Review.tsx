import type { components } from '../../api/schema/order';
import { moneyText } from '../../look/money';
import { useWords } from '../../words/words';

type Schemas = components['schemas'];
type Offer = Omit<Schemas['ShippingOfferView'], 'days'> & { days: readonly number[] | null };
export type Quote = Omit<Schemas['QuoteView'], 'shipping_methods'> & { shipping_methods: Offer[] };

/** How long a way of shipping takes. */
export function useDays(): (days: Offer['days']) => string {
  const { t } = useWords();
  return (days) => {
    if (!days) return '';
    const [least = 0, most = 0] = days;
    return least === most ? t('shipping.days', { smart_count: most }) : t('shipping.days_between', { least, most });
  };
}

/** The ways of shipping to choose from. */
export function Ways({ quote, chosen, onChoose }: { quote: Quote; chosen: string | null; onChoose: (way: string) => void }) {
  const { t, has, locale } = useWords();
  const days = useDays();
  return (
    <fieldset className="options">
      <legend className="unseen">{t('shipping.title')}</legend>
      {quote.shipping_methods.map((offer) => (
        <div key={offer.method_id} className={offer.method_id === chosen ? 'option-box chosen' : 'option-box'}>
          <label className="option">
            <input
              type="radio"
              name="shipping_method"
              value={offer.method_id}
              checked={offer.method_id === chosen}
              onChange={() => onChoose(offer.method_id)}
            />
            <span>
              <strong>{has(`way.${offer.method_id}`) ? t(`way.${offer.method_id}`) : offer.name}</strong>{' '}
              <span className="soft">{days(offer.days)}</span>
            </span>
            <span className="amount">
              {offer.total_amount.amount ? moneyText(offer.total_amount, locale) : t('shipping.free')}
            </span>
          </label>
        </div>
      ))}
    </fieldset>
  );
}

/** What the order comes to, as the shop reckons it. */
export function Totals({ quote, stale }: { quote: Quote; stale: boolean }) {
  const { t, locale } = useWords();
  const reduced = quote.items.reduce((sum, item) => sum + item.subtotal.amount - item.total_amount.amount, 0);
  const discount = quote.prices_include_tax ? reduced : 0;
  return (
    <div className={stale ? 'totals stale' : 'totals'} aria-busy={stale}>
      <ul className="review-lines">
        {quote.items.map((item) => (
          <li key={item.product_id}>
            <span>
              {item.quantity} × {item.name}
            </span>
            <span className="amount">{moneyText(item.subtotal, locale)}</span>
          </li>
        ))}
      </ul>
      <dl className="sums">
        <dt>{t('sum.items')}</dt>
        <dd className="amount">{moneyText(quote.subtotal_amount, locale)}</dd>
        {discount > 0 && (
          <>
            <dt>{t('sum.discount')}</dt>
            <dd className="amount">−{moneyText({ ...quote.subtotal_amount, amount: discount }, locale)}</dd>
          </>
        )}
        <dt>{t('sum.shipping')}</dt>
        <dd className="amount">{moneyText(quote.shipping_amount, locale)}</dd>
        {!quote.prices_include_tax && <Taxes quote={quote} />}
        <dt className="grand">{t('sum.total')}</dt>
        <dd className="amount grand" data-testid="total">
          {moneyText(quote.total_amount, locale)}
        </dd>
        {quote.prices_include_tax && <Taxes quote={quote} />}
      </dl>
    </div>
  );
}

/** Each tax rate with what it comes to; where prices include it, it is only named. */
export function Taxes({ quote }: { quote: Pick<Quote, 'tax_lines' | 'prices_include_tax'> }) {
  const { t, locale } = useWords();
  return quote.tax_lines.map((line) => (
    <div key={line.tax_percent} className="soft sums-line">
      <dt>
        {t(quote.prices_include_tax ? 'sum.tax_included' : 'sum.tax', { percent: percentText(line.tax_percent, locale) })}
      </dt>
      <dd className="amount">{moneyText(line.tax_amount, locale)}</dd>
    </div>
  ));
}

const percentText = (percent: string, language: string) =>
  new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 4 }).format(Number(percent) / 100);
