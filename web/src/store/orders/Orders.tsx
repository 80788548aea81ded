import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { api, told } from '../../api/client';
import { dayText, moneyText } from '../../look/money';
import { usePerson } from '../../session/usePerson';
import { useWords } from '../../words/words';
import { Picture } from '../catalogue/Picture';
import { Failure } from '../parts/Note';
import { Page } from '../parts/Page';
import { reference, toneOf } from './facts';
import { Gate } from './Gate';
import type { Order } from './useOrder';

const PAGE = 20;
const PICTURES = 3;

function Row({ order }: { order: Order }) {
  const { t, locale } = useWords();
  const items = order.items.filter((item) => item.quantity > 0);
  const shown = items.length ? items : order.items;
  const [first] = shown;
  return (
    <li className="order-row">
      <div className="order-row-pictures">
        {shown.slice(0, PICTURES).map((item) => (
          <Picture key={item.item_id} sku={item.product_id} name={item.name} />
        ))}
      </div>
      <div className="order-row-text">
        <Link href={`/orders/${order.order_id}`}>{t('orders.order', { reference: reference(order.order_id) })}</Link>
        <span className="soft">
          {dayText(order.order_date, locale)}
          {first && ` · ${first.name}`}
          {shown.length > 1 && ` ${t('orders.and_more', { smart_count: shown.length - 1 })}`}
        </span>
      </div>
      <div className="order-row-end">
        <span className={`chip ${toneOf(order.status)}`}>{t(`status.${order.status}`)}</span>
        <strong className="amount">{moneyText(order.total_amount, locale)}</strong>
      </div>
    </li>
  );
}

function List() {
  const { t } = useWords();
  const person = usePerson();
  const orders = useInfiniteQuery({
    queryKey: ['orders', person?.id],
    queryFn: ({ pageParam }: { pageParam: string | null }) =>
      told(api.GET('/api/orders', { params: { query: { limit: PAGE, cursor: pageParam } } })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor ?? null,
  });
  const rows = orders.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Page title={t('orders.title')} narrow>
      {orders.isPending && <p className="soft">{t('action.loading')}</p>}
      {orders.error && <Failure error={orders.error} again={() => void orders.refetch()} />}
      {orders.data && rows.length === 0 && (
        <div className="empty">
          <p>{t('orders.none')}</p>
          <Link href="/" className="button primary">
            {t('cart.look_around')}
          </Link>
        </div>
      )}
      {rows.length > 0 && (
        <ul className="order-rows">
          {rows.map((order) => (
            <Row key={order.order_id} order={order} />
          ))}
        </ul>
      )}
      {orders.hasNextPage && (
        <div className="centred">
          <button
            type="button"
            className="button"
            disabled={orders.isFetchingNextPage}
            onClick={() => void orders.fetchNextPage()}
          >
            {t(orders.isFetchingNextPage ? 'action.loading' : 'shop.show_more')}
          </button>
        </div>
      )}
    </Page>
  );
}

/** All orders of whoever is signed in, the newest first. */
export default function Orders() {
  return (
    <Gate>
      <List />
    </Gate>
  );
}
