import { useState } from 'react';
import { api, told } from '../../api/client';
import { useWords } from '../../words/words';
import { Quantity } from '../parts/Quantity';
import { Ask, type Asking } from './Ask';
import { sentUnits } from './facts';
import { useChange } from './useChange';
import { type Order, versionOf } from './useOrder';

/** Have fewer units of what has not left. */
export function FewerDialog({ order, onClose }: Asking) {
  const { t } = useWords();
  const [kept, setKept] = useState<Record<string, number>>({});
  const lines = order.items.filter((item) => item.quantity > 0);
  const quantity = (item: (typeof lines)[number]) => Math.min(kept[item.item_id] ?? item.quantity, item.quantity);
  const cuts = lines.filter((item) => quantity(item) < item.quantity);

  const change = useChange(
    order,
    async (known) => {
      let now: Order = known;
      for (const item of cuts) {
        if (now.items.some((one) => one.item_id === item.item_id && one.quantity === quantity(item))) continue; // done before
        now = await told(
          api.PATCH('/api/orders/{order_id}/items/{item_id}', {
            params: { path: { order_id: order.order_id, item_id: item.item_id }, header: { 'if-match': versionOf(now) } },
            body: { quantity: quantity(item) },
          }),
        );
      }
      return now;
    },
    () => onClose(t('fewer.done')),
  );
  return (
    <Ask
      order={order}
      onClose={onClose}
      title={t('action.fewer')}
      doIt={t('action.save')}
      disabled={cuts.length === 0}
      pending={change.isPending}
      error={change.error}
      onSubmit={() => change.mutate()}
    >
      <p>{t('fewer.text')}</p>
      <ul className="ask-lines">
        {lines.map((item) => (
          <li key={item.item_id}>
            <span>{item.name}</span>
            <Quantity
              name={item.name}
              value={quantity(item)}
              least={sentUnits(order, item.item_id)}
              most={item.quantity}
              onChange={(next) => setKept({ ...kept, [item.item_id]: next })}
            />
          </li>
        ))}
      </ul>
    </Ask>
  );
}
