import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, told } from '../../api/client';
import { moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { Cards } from '../checkout/Payment';
import { Failure } from '../parts/Note';
import { Quantity } from '../parts/Quantity';
import { Ask, type Asking } from './Ask';
import { useChange } from './useChange';
import { versionOf } from './useOrder';

/** Have more of what was ordered, at today's prices; it comes about once stock and money are there. */
export function AddDialog({ order, onClose }: Asking) {
  const { t, locale } = useWords();
  const [more, setMore] = useState<Record<string, number>>({});
  const [card, setCard] = useState('');
  const products = [...new Map(order.items.map((item) => [item.product_id, item.name]))];
  const items = Object.entries(more)
    .filter(([, quantity]) => quantity > 0)
    .map(([product_id, quantity]) => ({ product_id, quantity }));
  const path = { order_id: order.order_id };

  const preview = useQuery({
    queryKey: ['order', order.order_id, 'preview', order.version, JSON.stringify(items)],
    queryFn: () => told(api.POST('/api/orders/{order_id}/edits/preview', { params: { path }, body: { items } })),
    enabled: items.length > 0,
    placeholderData: keepPreviousData,
  });
  const seen = items.length > 0 ? preview.data : undefined;

  const add = useChange(
    order,
    async (known) => {
      await told(
        api.POST('/api/orders/{order_id}/edits', {
          params: { path, header: { 'if-match': versionOf(known) } },
          body: { items, payment: { method: 'card', token: card }, expected_total: seen?.total_amount ?? null },
        }),
      );
      return undefined;
    },
    () => onClose(t('add.done')),
  );
  return (
    <Ask
      order={order}
      onClose={onClose}
      title={t('action.add')}
      doIt={seen ? t('add.pay', { difference: moneyText(seen.difference, locale) }) : t('action.add')}
      disabled={!seen || preview.isFetching || !card}
      pending={add.isPending}
      error={add.error}
      onSubmit={() => add.mutate()}
    >
      <p>{t('add.text')}</p>
      <ul className="ask-lines">
        {products.map(([sku, name]) => (
          <li key={sku}>
            <span>{name}</span>
            <Quantity name={name} value={more[sku] ?? 0} least={0} onChange={(next) => setMore({ ...more, [sku]: next })} />
          </li>
        ))}
      </ul>
      {preview.error && <Failure error={preview.error} />}
      {seen && (
        <p className="sum" aria-live="polite">
          <span>{t('add.new_total')}</span>
          <strong className={preview.isFetching ? 'amount stale' : 'amount'}>{moneyText(seen.total_amount, locale)}</strong>
        </p>
      )}
      {items.length > 0 && <Cards chosen={card} onChoose={setCard} />}
    </Ask>
  );
}
