import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, told } from '../../api/client';
import { Problem } from '../../api/problem';
import { moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { Cards } from '../checkout/Payment';
import { Failure } from '../parts/Note';
import { Ask, type Asking } from './Ask';
import { itemsOf, type Picked, Picker } from './Picker';
import { useChange } from './useChange';
import { versionOf } from './useOrder';

/** Have more of what was ordered, or something else too, at today's prices; it comes about once stock and money are there. */
export function AddDialog({ order, onClose }: Asking) {
  const { t, locale } = useWords();
  const [more, setMore] = useState<Picked>({});
  const [card, setCard] = useState('');
  const items = itemsOf(more);
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
      try {
        await told(
          api.POST('/api/orders/{order_id}/edits', {
            params: { path, header: { 'if-match': versionOf(known) } },
            body: { items, payment: { method: 'card', token: card }, expected_total: seen?.total_amount ?? null },
          }),
        );
      } catch (error) {
        if (error instanceof Problem && error.slug === 'price-changed') void preview.refetch();
        throw error;
      }
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
      <Picker order={order} picked={more} onChange={setMore} />
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
