import { Link, useLocation } from 'wouter';
import { moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { Picture } from '../catalogue/Picture';
import { Failure, Note } from '../parts/Note';
import { Page } from '../parts/Page';
import { Quantity } from '../parts/Quantity';
import { type CartLine, useCart, useCartBusy, useCartNews, useSetQuantity } from './useCart';

function Line({ line }: { line: CartLine }) {
  const { t, locale } = useWords();
  const set = useSetQuantity();
  const sku = line.product_id;
  const name = line.name ?? sku;
  return (
    <li className="cart-line">
      <Picture sku={sku} name={name} />
      <div className="cart-line-text">
        <Link href={`/products/${encodeURIComponent(sku)}`}>{name}</Link>
        {line.available && line.price && <p className="soft">{t('cart.each', { price: moneyText(line.price, locale) })}</p>}
        {!line.available && <p className="warn-text">{t('cart.gone')}</p>}
      </div>
      <div className="cart-line-end">
        {line.available && (
          <Quantity value={line.quantity} name={name} onChange={(quantity) => set.mutate({ sku, quantity })} />
        )}
        <strong className="amount">{line.available && line.subtotal ? moneyText(line.subtotal, locale) : ''}</strong>
        <button type="button" className="text-button" onClick={() => set.mutate({ sku, quantity: 0 })}>
          {t('cart.remove')} <span className="unseen">{name}</span>
        </button>
      </div>
      {set.isError && <Failure error={set.error} />}
    </li>
  );
}

function News() {
  const { t } = useWords();
  const { news, read } = useCartNews();
  if (news.length === 0) return null;
  return (
    <Note kind="warn" focused>
      <p>{t('cart.changed_elsewhere')}</p>
      <ul>
        {news.map((line) => (
          <li key={line.sku}>
            {t(line.after ? 'cart.now_holds' : 'cart.holds_no_more', { name: line.name, quantity: line.after })}
          </li>
        ))}
      </ul>
      <button type="button" className="button quiet" onClick={read}>
        {t('action.understood')}
      </button>
    </Note>
  );
}

/** What is in the cart, at the shop's prices, and the way to the checkout. */
export default function CartPage() {
  const { t, locale } = useWords();
  const [, navigate] = useLocation();
  const cart = useCart();
  const busy = useCartBusy();
  const gone = cart.lines.some((line) => !line.available);

  return (
    <Page title={t('cart.title')} narrow>
      <News />
      {cart.error && <Failure error={cart.error} again={cart.again} />}
      {cart.loading && !cart.error && <p className="soft">{t('action.loading')}</p>}
      {!cart.loading && cart.lines.length === 0 && (
        <div className="empty">
          <p>{t('cart.empty')}</p>
          <Link href="/" className="button primary">
            {t('cart.look_around')}
          </Link>
        </div>
      )}
      {cart.lines.length > 0 && (
        <>
          <ul className="cart-lines" aria-busy={busy}>
            {cart.lines.map((line) => (
              <Line key={line.product_id} line={line} />
            ))}
          </ul>
          <div className="cart-foot">
            <p className="sum">
              <span>{t('cart.subtotal')}</span>
              <strong className={busy ? 'amount stale' : 'amount'}>{cart.total ? moneyText(cart.total, locale) : '–'}</strong>
            </p>
            <p className="soft">{t('cart.shipping_later')}</p>
            {gone && <p className="warn-text">{t('cart.remove_gone')}</p>}
            <button
              type="button"
              className="button primary big wide"
              disabled={gone || busy || cart.loading}
              onClick={() => navigate('/checkout')}
            >
              {t('cart.checkout')}
            </button>
          </div>
        </>
      )}
    </Page>
  );
}
