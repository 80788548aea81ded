import { Link } from 'wouter';
import { moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { Picture } from '../catalogue/Picture';
import { Taxes } from '../checkout/Review';
import type { Order } from './useOrder';

/** What was ordered; what was taken out is named as such. */
export function Items({ order }: { order: Order }) {
  const { t, locale } = useWords();
  return (
    <ul className="order-items">
      {order.items.map((item) => (
        <li key={item.item_id} className={item.quantity ? '' : 'soft'}>
          <Picture sku={item.product_id} name={item.name} />
          <span>
            <Link href={`/products/${encodeURIComponent(item.product_id)}`}>{item.name}</Link>
            <br />
            <span className="soft">
              {item.quantity ? `${item.quantity} × ${moneyText(item.price, locale)}` : t('order.taken_out')}
            </span>
          </span>
          <span className="amount">{moneyText(item.subtotal, locale)}</span>
        </li>
      ))}
    </ul>
  );
}

/** What an order costs, what of it was paid, and what was given back. */
export function MoneySums({ order }: { order: Order }) {
  const { t, has, locale } = useWords();
  const paying = `payment.${order.payment_method}`;
  const discount = order.items.reduce((sum, item) => sum + item.discount_amount.amount, 0);
  const money = (amount: number) => moneyText({ amount, currency: order.currency }, locale);
  return (
    <dl className="sums">
      <dt>{t('sum.items')}</dt>
      <dd className="amount">{moneyText(order.subtotal_amount, locale)}</dd>
      {discount > 0 && (
        <>
          <dt>{t('sum.discount')}</dt>
          <dd className="amount">−{money(discount)}</dd>
        </>
      )}
      <dt>{t('sum.shipping')}</dt>
      <dd className="amount">{moneyText(order.shipping_amount, locale)}</dd>
      {!order.prices_include_tax && <Taxes quote={order} />}
      <dt className="grand">{t('sum.total')}</dt>
      <dd className="amount grand">{moneyText(order.total_amount, locale)}</dd>
      {order.prices_include_tax && <Taxes quote={order} />}
      <dt className="apart">{t('order.pays')}</dt>
      <dd className="apart">{has(paying) ? t(paying) : order.payment_method}</dd>
      <dt>{t('order.paid')}</dt>
      <dd className="amount">{moneyText(order.captured_amount, locale)}</dd>
      {order.refunded_amount.amount > 0 && (
        <>
          <dt>{t('order.refunded')}</dt>
          <dd className="amount" data-testid="refunded">
            {moneyText(order.refunded_amount, locale)}
          </dd>
        </>
      )}
    </dl>
  );
}

function Address({ address }: { address: Record<string, unknown> }) {
  const { language } = useWords();
  const country = new Intl.DisplayNames(language, { type: 'region' }).of(String(address.country));
  const place = [address.postal_code, address.city, address.region].filter(Boolean).join(' ');
  const lines = [address.name, address.line1, address.line2, place, country].filter(Boolean).map(String);
  return (
    <address>
      {lines.map((line) => (
        <span key={line}>{line}</span>
      ))}
    </address>
  );
}

/** Where an order goes, who pays, and how its customer is reached. */
export function Addresses({ order }: { order: Order }) {
  const { t, has } = useWords();
  const same = JSON.stringify(order.shipping_address) === JSON.stringify(order.billing_address);
  const way = order.shipping;
  return (
    <section className="card">
      <h2>{t('order.delivery')}</h2>
      <Address address={order.shipping_address} />
      {way && <p className="soft">{has(`way.${way.method_id}`) ? t(`way.${way.method_id}`) : way.name}</p>}
      {!same && (
        <>
          <h3>{t('checkout.billing')}</h3>
          <Address address={order.billing_address} />
        </>
      )}
      <h3>{t('checkout.contact')}</h3>
      <p className="break">{[order.contact.email, order.contact.phone].filter(Boolean).join(' · ')}</p>
    </section>
  );
}
