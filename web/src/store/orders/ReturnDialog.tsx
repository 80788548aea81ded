import { useState } from 'react';
import { api, told } from '../../api/client';
import type { components } from '../../api/schema/order';
import { moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { Choice } from '../parts/Field';
import { Quantity } from '../parts/Quantity';
import { Ask, type Asking, Words } from './Ask';
import { differenceOf, ExchangeWish, exchangeBody, isComplete, MONEY_BACK, type Wish } from './ExchangeWish';
import { type Return, returnable } from './facts';
import { useChange } from './useChange';

type Reason = components['schemas']['ReturnReason'];
const REASONS: Reason[] = [
  'no_longer_wanted',
  'does_not_fit',
  'damaged',
  'wrong_item',
  'not_as_described',
  'too_late',
  'other',
];
const LONGEST_NOTE = 1000;

/** Ask to send back what was delivered, for its money or in exchange for something else. */
export function ReturnDialog({ order, returns, onClose }: Asking & { returns: readonly Return[] }) {
  const { t, locale } = useWords();
  const [units, setUnits] = useState<Record<string, number>>({});
  const [reasons, setReasons] = useState<Record<string, Reason | ''>>({});
  const [note, setNote] = useState('');
  const [wish, setWish] = useState<Wish>(MONEY_BACK);
  const [checked, setChecked] = useState(false);
  const free = returnable(order, returns);
  const chosen = order.items.filter((item) => (units[item.item_id] ?? 0) > 0 && free.has(item.item_id));
  const unreasoned = chosen.filter((item) => !reasons[item.item_id]);

  const ask = useChange(
    order,
    async () => {
      const lines = chosen.map((item) => ({
        item_id: item.item_id,
        quantity: units[item.item_id] ?? 0,
        reason: reasons[item.item_id] as Reason,
      }));
      const params = { path: { order_id: order.order_id } };
      const body = { lines, note, exchange: exchangeBody(wish) };
      try {
        await told(api.POST('/api/orders/{order_id}/returns', { params, body }));
      } catch (error) {
        setWish((before) => ({ ...before, difference: differenceOf(error) }));
        setChecked(false);
        throw error;
      }
      return undefined;
    },
    () => onClose(t('return.asked')),
  );
  const { difference } = wish;
  const isCardMissing = difference !== null && !wish.card;
  const setQuantity = (itemId: string, quantity: number) => {
    setUnits({ ...units, [itemId]: quantity });
    setWish({ ...wish, difference: null }); // it is reckoned from what comes back
  };
  return (
    <Ask
      order={order}
      onClose={onClose}
      title={t('return.title')}
      doIt={difference ? t('return.ask_and_pay', { difference: moneyText(difference, locale) }) : t('return.ask')}
      disabled={chosen.length === 0 || !isComplete(wish)}
      pending={ask.isPending}
      error={differenceOf(ask.error) ? null : ask.error}
      onSubmit={() => {
        setChecked(true);
        if (unreasoned.length === 0 && !isCardMissing) ask.mutate();
      }}
    >
      <p>{t('return.text')}</p>
      <ul className="ask-lines">
        {order.items
          .filter((item) => free.has(item.item_id))
          .map((item) => (
            <li key={item.item_id}>
              <span>{item.name}</span>
              <Quantity
                name={item.name}
                value={units[item.item_id] ?? 0}
                least={0}
                most={free.get(item.item_id) ?? 0}
                onChange={(next) => setQuantity(item.item_id, next)}
              />
              {(units[item.item_id] ?? 0) > 0 && (
                <Choice
                  label={t('return.why', { name: item.name })}
                  className="whole-line"
                  value={reasons[item.item_id] ?? ''}
                  error={checked && !reasons[item.item_id] ? t('return.needs_reason') : undefined}
                  onChange={(event) => setReasons({ ...reasons, [item.item_id]: event.target.value as Reason })}
                >
                  <option value="">{t('form.choose')}</option>
                  {REASONS.map((reason) => (
                    <option key={reason} value={reason}>
                      {t(`reason.${reason}`)}
                    </option>
                  ))}
                </Choice>
              )}
            </li>
          ))}
      </ul>
      <ExchangeWish
        order={order}
        wish={wish}
        onChange={setWish}
        noCard={checked && isCardMissing ? t('wrong.card') : undefined}
      />
      <Words label={t('return.note')} value={note} onChange={setNote} most={LONGEST_NOTE} />
    </Ask>
  );
}
