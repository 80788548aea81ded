import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import { moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { Choice } from '../parts/Field';
import { Failure } from '../parts/Note';
import { Page } from '../parts/Page';
import { Picture } from './Picture';
import { addressOf, catalogueQuery, type Offer, SORTS, type Wish, wishOf } from './products';
import { StockBadge } from './Stock';

const TYPING_MS = 250;

function Card({ offer }: { offer: Offer }) {
  const { locale } = useWords();
  return (
    <li className="product-card">
      <Picture sku={offer.product_id} name={offer.name} image={offer.image_url} />
      <div className="product-card-text">
        <h2>
          <Link href={`/products/${encodeURIComponent(offer.product_id)}`} className="product-link">
            {offer.name}
          </Link>
        </h2>
        <p className="soft clamp">{offer.description}</p>
        <p className="product-card-foot">
          <strong>{moneyText(offer.price, locale)}</strong>
          <StockBadge offer={offer} />
        </p>
      </div>
    </li>
  );
}

function Search({ search, onSearch }: { search: string; onSearch: (search: string) => void }) {
  const { t } = useWords();
  const [typed, setTyped] = useState(search);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const asked = useRef(search);

  useEffect(() => {
    if (search !== asked.current) setTyped(search); // by the browser's way back
    asked.current = search;
  }, [search]);

  const ask = (text: string) => {
    clearTimeout(timer.current);
    asked.current = text.trim();
    onSearch(asked.current);
  };

  return (
    <search>
      <form
        className="search"
        onSubmit={(event) => {
          event.preventDefault();
          ask(typed);
        }}
      >
        <label htmlFor="search" className="unseen">
          {t('shop.search')}
        </label>
        <input
          id="search"
          type="search"
          maxLength={100}
          placeholder={t('shop.search')}
          value={typed}
          onChange={(event) => {
            const text = event.target.value;
            setTyped(text);
            clearTimeout(timer.current);
            timer.current = setTimeout(() => ask(text), TYPING_MS);
          }}
        />
      </form>
    </search>
  );
}

/** All that is on sale: searched, sorted, page by page. */
export function Catalogue() {
  const { t } = useWords();
  const [, navigate] = useLocation();
  const wish = wishOf(useSearch());
  const products = useInfiniteQuery({ ...catalogueQuery(wish), placeholderData: keepPreviousData });
  const offers = products.data?.pages.flatMap((page) => page.items) ?? [];
  const look = (part: Partial<Wish>) => navigate(addressOf({ ...wish, ...part }), { replace: true });

  return (
    <Page title={t('shop.title')} lead={<p className="lead">{t('shop.lead')}</p>}>
      <div className="catalogue-head">
        <Search search={wish.search} onSearch={(search) => look({ search })} />
        <Choice
          label={t('shop.sort')}
          value={wish.sort}
          onChange={(event) => look({ sort: event.target.value as Wish['sort'] })}
        >
          {SORTS.map((sort) => (
            <option key={sort} value={sort}>
              {t(`shop.sort.${sort}`)}
            </option>
          ))}
        </Choice>
        <label className="check">
          <input type="checkbox" checked={wish.inStock} onChange={(event) => look({ inStock: event.target.checked })} />
          {t('shop.in_stock')}
        </label>
      </div>
      {wish.category && (
        <p>
          {t('shop.category', { category: wish.category })}{' '}
          <button type="button" className="text-button" onClick={() => look({ category: '' })}>
            {t('shop.every_category')}
          </button>
        </p>
      )}
      <output className="unseen">{products.data && t('shop.found', { smart_count: offers.length })}</output>
      {products.isPending && <Waiting />}
      {products.error && <Failure error={products.error} again={() => void products.refetch()} />}
      {products.data && offers.length === 0 && (
        <p className="empty">{t(wish.search ? 'shop.none_found' : 'shop.none', { search: wish.search })}</p>
      )}
      <ul className="products" aria-busy={products.isFetching}>
        {offers.map((offer) => (
          <Card key={offer.product_id} offer={offer} />
        ))}
      </ul>
      {products.hasNextPage && (
        <div className="centred">
          <button
            type="button"
            className="button"
            disabled={products.isFetchingNextPage}
            onClick={() => void products.fetchNextPage()}
          >
            {t(products.isFetchingNextPage ? 'action.loading' : 'shop.show_more')}
          </button>
        </div>
      )}
    </Page>
  );
}

function Waiting() {
  return (
    <div className="products" aria-hidden="true">
      {Array.from({ length: 8 }, (_, at) => `card-${at}`).map((key) => (
        <div key={key} className="product-card ghost" />
      ))}
    </div>
  );
}
