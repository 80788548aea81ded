import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Link, useSearch } from 'wouter';
import { Problem } from '../../api/problem';
import { dayText } from '../../look/money';
import { useWords } from '../../words/words';
import { Failure, Note } from '../parts/Note';
import { Page } from '../parts/Page';
import { Actions } from './Actions';
import { Changes } from './Changes';
import { Exchanged } from './Exchanged';
import { reference, standing, toneOf } from './facts';
import { Gate } from './Gate';
import { Addresses, Items, MoneySums } from './Items';
import { Papers } from './Papers';
import { Parcels } from './Parcels';
import { Progress } from './Progress';
import { Returns } from './Returns';
import { Timeline } from './Timeline';
import { ToPay } from './ToPay';
import { type Order, useOrder } from './useOrder';

/** Says a status that has changed while the page was open. */
function StatusNews({ order }: { order: Order }) {
  const { t } = useWords();
  const first = useRef(order.status);
  const [news, setNews] = useState('');
  useEffect(() => {
    if (order.status === first.current) return;
    first.current = order.status;
    setNews(order.status);
  }, [order.status]);
  return <output className="unseen">{news && t('order.now', { status: t(`status.${news}`) })}</output>;
}

export function Card({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="card">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Whole({ order }: { order: Order }) {
  const { t, locale } = useWords();
  const placed = new URLSearchParams(useSearch()).has('placed');
  const lead = (
    <p className="lead order-lead">
      <span className={`chip ${toneOf(order.status)}`} data-testid="status">
        {t(`status.${order.status}`)}
      </span>
      {t('track.of', { day: dayText(order.order_date, locale) })}
    </p>
  );
  return (
    <Page title={t('orders.order', { reference: reference(order.order_id) })} lead={lead}>
      <StatusNews order={order} />
      {placed && order.status !== 'Cancelled' && (
        <Note kind="good">
          <p>{t('order.thanks', { email: String(order.contact.email ?? '') })}</p>
        </Note>
      )}
      <div className="order">
        <div className="order-main">
          <section className="card" aria-label={t('order.standing')}>
            <p className="standing">{t(standing(order))}</p>
            <Exchanged order={order} />
            <Progress status={order.status} />
            <ToPay order={order} />
            <Actions order={order} />
          </section>
          <Changes order={order} />
          <Parcels order={order} />
          <Returns order={order} />
          <Timeline order={order} />
        </div>
        <div className="order-side">
          <Card title={t('order.items')}>
            <Items order={order} />
            <MoneySums order={order} />
          </Card>
          <Papers order={order} />
          <Addresses order={order} />
        </div>
      </div>
      <Link href="/orders" className="back">
        {t('order.all')}
      </Link>
    </Page>
  );
}

function Found({ id }: { id: string }) {
  const { t } = useWords();
  const order = useOrder(id);
  if (order.data) return <Whole order={order.data} />;
  const none = order.error instanceof Problem && [404, 422].includes(order.error.status);
  return (
    <Page title={t(none ? 'order.none' : 'orders.title')} narrow>
      {order.isPending && <p className="soft">{t('action.loading')}</p>}
      {none && <p>{t('order.none_text')}</p>}
      {order.error && !none && <Failure error={order.error} again={() => void order.refetch()} />}
      <Link href="/orders" className="back">
        {t('order.all')}
      </Link>
    </Page>
  );
}

/** One order of whoever is signed in, followed as it changes. */
export default function OrderPage({ id }: { id: string }) {
  return (
    <Gate>
      <Found id={id} />
    </Gate>
  );
}
