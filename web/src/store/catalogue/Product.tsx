import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { useAddToCart } from '../cart/useCart';
import { Failure, Note } from '../parts/Note';
import { Page } from '../parts/Page';
import { Quantity } from '../parts/Quantity';
import { Picture } from './Picture';
import { addressOf, type Offer, productQuery, wishOf } from './products';
import { StockBadge } from './Stock';

function Buy({ offer }: { offer: Offer }) {
  const { t } = useWords();
  const [quantity, setQuantity] = useState(1);
  const add = useAddToCart();
  return (
    <>
      <div className="buy">
        <Quantity value={quantity} onChange={setQuantity} name={offer.name} />
        <button
          type="button"
          className="button primary big"
          disabled={!offer.available || add.isPending}
          onClick={() => add.mutate({ sku: offer.product_id, quantity })}
        >
          {t(add.isPending ? 'action.sending' : 'cart.add')}
        </button>
      </div>
      {add.isSuccess && (
        <Note kind="good">
          <p>{t('cart.added', { smart_count: add.variables.quantity })}</p>
          <Link href="/cart" className="button quiet">
            {t('cart.open')}
          </Link>
        </Note>
      )}
      {add.isError && <Failure error={add.error} />}
    </>
  );
}

function weight(grams: number, language: string): string {
  const unit = grams < 1000 ? 'gram' : 'kilogram';
  return new Intl.NumberFormat(language, { style: 'unit', unit, maximumFractionDigits: 2 }).format(
    unit === 'gram' ? grams : grams / 1000,
  );
}

/** One product, to look at and to put into the cart. */
export default function Product({ sku }: { sku: string }) {
  const { t, locale } = useWords();
  const product = useQuery(productQuery(sku));
  const offer = product.data;

  if (product.isPending) return <Page title={t('action.loading')}>{null}</Page>;
  if (product.error) {
    return (
      <Page title={t('product.not_shown')}>
        <Failure error={product.error} again={() => void product.refetch()} />
      </Page>
    );
  }
  if (!offer) {
    return (
      <Page title={t('product.none')} narrow>
        <p>{t('product.none_text')}</p>
        <Link href="/" className="button">
          {t('shop.all')}
        </Link>
      </Page>
    );
  }
  return (
    <Page title={offer.name} key={offer.product_id}>
      <article className="product">
        <Picture sku={offer.product_id} name={offer.name} image={offer.image_url} />
        <div className="product-text">
          <p className="price">{moneyText(offer.price, locale)}</p>
          <p>
            <StockBadge offer={offer} />
          </p>
          <p className="lead">{offer.description}</p>
          {offer.availability === 'backorder' && <p className="soft">{t('stock.backorder_text')}</p>}
          <Buy offer={offer} />
          <dl className="facts">
            {offer.category && (
              <>
                <dt>{t('product.category')}</dt>
                <dd>
                  <Link href={addressOf({ ...wishOf(''), category: offer.category })}>{offer.category}</Link>
                </dd>
              </>
            )}
            <dt>{t('product.sku')}</dt>
            <dd>{offer.product_id}</dd>
            {offer.weight_grams > 0 && (
              <>
                <dt>{t('product.weight')}</dt>
                <dd>{weight(offer.weight_grams, locale)}</dd>
              </>
            )}
          </dl>
          <Link href="/" className="back">
            {t('shop.all')}
          </Link>
        </div>
      </article>
    </Page>
  );
}
