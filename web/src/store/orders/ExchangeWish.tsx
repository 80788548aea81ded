import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { api, told } from '../../api/client';
import { Problem } from '../../api/problem';
import type { components } from '../../api/schema/order';
import { type Money, moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { Cards } from '../checkout/Payment';
import { Failure } from '../parts/Note';
import { itemsOf, type Picked, Picker } from './Picker';
import type { Order } from './useOrder';

/** What a customer wants for what they send back: their money, or something else. */
export interface Wish {
  instead: boolean;
  picked: Picked;
  /** What remains to be paid, once the shop has said so for what is picked. */
  difference: Money | null;
  card: string;
}

export const MONEY_BACK: Wish = { instead: false, picked: {}, difference: null, card: '' };

/** Whether nothing is missing that has to be known before the shop is asked. */
export const isComplete = (wish: Wish): boolean => !wish.instead || itemsOf(wish.picked).length > 0;

/** The wish as it is sent; a difference is agreed to with the card that pays it. */
export function exchangeBody(wish: Wish): components['schemas']['ExchangeBody'] | null {
  if (!wish.instead) return null;
  const payment = wish.difference ? ({ method: 'card', token: wish.card } as const) : null;
  return { items: itemsOf(wish.picked), payment };
}

/** What a refusal says remains to be paid: that is no mistake, but the next question. */
export function differenceOf(error: unknown): Money | null {
  if (!(error instanceof Problem) || error.slug !== 'exchange-payment') return null;
  return (error.facts.difference as Money | undefined) ?? null;
}

interface Props {
  order: Order;
  wish: Wish;
  onChange: (wish: Wish) => void;
  /** Said below the cards where one is missing. */
  noCard: string | undefined;
}

/** Asks what is wanted for what comes back, and says what that costs. */
export function ExchangeWish({ order, wish, onChange, noCard }: Props) {
  const { t, locale } = useWords();
  const items = itemsOf(wish.picked);
  const { country, region } = order.shipping_address as { country: string; region?: string | null };
  const quote = useQuery({
    queryKey: ['quote', 'exchange', JSON.stringify(items), country, region],
    queryFn: () => told(api.POST('/api/orders/quote', { body: { items, destination: { country, region: region ?? null } } })),
    enabled: wish.instead && items.length > 0,
    placeholderData: keepPreviousData,
  });
  const costs = items.length > 0 ? quote.data : undefined;
  return (
    <>
      <fieldset className="options">
        <legend>{t('exchange.question')}</legend>
        {[false, true].map((instead) => (
          <label key={String(instead)} className="option">
            <input
              type="radio"
              name="exchange"
              checked={wish.instead === instead}
              onChange={() => onChange({ ...wish, instead, difference: null })}
            />
            <span>{t(instead ? 'exchange.something' : 'exchange.money')}</span>
          </label>
        ))}
      </fieldset>
      {wish.instead && (
        <>
          <p>{t('exchange.text')}</p>
          <Picker order={order} picked={wish.picked} onChange={(picked) => onChange({ ...wish, picked, difference: null })} />
          {quote.error && <Failure error={quote.error} />}
          {costs && (
            <p className="sum" aria-live="polite">
              <span>{t('exchange.costs')}</span>
              <strong className={quote.isFetching ? 'amount stale' : 'amount'}>{moneyText(costs.total_amount, locale)}</strong>
            </p>
          )}
        </>
      )}
      {wish.instead && wish.difference && (
        <>
          <p role="status">{t('exchange.difference', { difference: moneyText(wish.difference, locale) })}</p>
          <Cards chosen={wish.card} onChoose={(card) => onChange({ ...wish, card })} error={noCard} />
        </>
      )}
    </>
  );
}
