import { useState } from 'react';
import { api, told } from '../../api/client';
import { useWords } from '../../words/words';
import { Note } from '../parts/Note';
import { Quantity } from '../parts/Quantity';
import { Ask, type Asking } from './Ask';
import { cutsOf, sentUnits } from './facts';
import { useChange } from './useChange';
import { type Order, versionOf } from './useOrder';

/** Have fewer units of what has not left. */
export function FewerDialog({ order, onClose }: Asking) {
  const { t } = useWords();
  const [kept, setKept] = useState<Record<string, number>>({});
  const [done, setDone] = useState<Record<string, string>>({});
  const { lines, cuts, isNothingLeft } = cutsOf(order, kept);

  const change = useChange(
    order,
    async (known, show) => {
      let now: Order = known;
      for (const { item, stays } of cuts) {
        if (now.items.some((one) => one.item_id === item.item_id && one.quantity === stays)) continue; // done before
        now = await told(
          api.PATCH('/api/orders/{order_id}/items/{item_id}', {
            params: { path: { order_id: order.order_id, item_id: item.item_id }, header: { 'if-match': versionOf(now) } },
            body: { quantity: stays },
          }),
        );
        show(now);
        setDone((before) => ({ ...before, [item.item_id]: `${item.name}: ${stays}` }));
      }
      return now;
    },
    () => onClose(t('fewer.done')),
  );
  const partly = change.error ? Object.values(done).join(', ') : '';
  return (
    <Ask
      order={order}
      onClose={onClose}
      title={t('action.fewer')}
      doIt={t('action.save')}
      disabled={cuts.length === 0 || isNothingLeft}
      pending={change.isPending}
      error={change.error}
      onSubmit={() => change.mutate()}
    >
      <p>{t('fewer.text')}</p>
      <ul className="ask-lines">
        {lines.map(({ item, stays }) => (
          <li key={item.item_id}>
            <span>{item.name}</span>
            <Quantity
              name={item.name}
              value={stays}
              least={sentUnits(order, item.item_id)}
              most={item.quantity}
              onChange={(next) => setKept({ ...kept, [item.item_id]: next })}
            />
          </li>
        ))}
      </ul>
      {isNothingLeft && (
        <Note kind="warn">
          <p>{t('fewer.nothing_left')}</p>
        </Note>
      )}
      {partly && (
        <Note kind="warn">
          <p>{t('fewer.partly', { items: partly })}</p>
        </Note>
      )}
    </Ask>
  );
}
