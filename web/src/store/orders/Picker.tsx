import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { offersQuery } from '../catalogue/products';
import { Field } from '../parts/Field';
import { Failure } from '../parts/Note';
import { Quantity } from '../parts/Quantity';
import type { Order } from './useOrder';

const TYPING_MS = 250;

/** How many are wanted, by SKU. */
export type Picked = Readonly<Record<string, number>>;

/** What is picked as the shop's calls have it. */
export const itemsOf = (picked: Picked) =>
  Object.entries(picked)
    .filter(([, quantity]) => quantity > 0)
    .map(([product_id, quantity]) => ({ product_id, quantity }));

/** Products to choose from, and how many of each: those of an order, and whatever else is looked for. */
export function Picker({ order, picked, onChange }: { order: Order; picked: Picked; onChange: (picked: Picked) => void }) {
  const { t, locale } = useWords();
  const [names, setNames] = useState(() => new Map(order.items.map((item) => [item.product_id, item.name])));
  const [typed, setTyped] = useState('');
  const [wanted, setWanted] = useState('');
  const found = useQuery({ ...offersQuery(wanted), enabled: wanted !== '' });
  const others = wanted === '' ? [] : (found.data?.items ?? []).filter((offer) => !names.has(offer.product_id));

  useEffect(() => {
    const timer = setTimeout(() => setWanted(typed.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);

  return (
    <>
      <ul className="ask-lines">
        {[...names].map(([sku, name]) => (
          <li key={sku}>
            <span>{name}</span>
            <Quantity
              name={name}
              value={picked[sku] ?? 0}
              least={0}
              onChange={(quantity) => onChange({ ...picked, [sku]: quantity })}
            />
          </li>
        ))}
      </ul>
      <Field
        label={t('pick.others')}
        type="search"
        maxLength={100}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') event.preventDefault(); // looks for something, and asks for nothing yet
        }}
      />
      {found.error && <Failure error={found.error} />}
      {wanted !== '' && found.data && others.length === 0 && <p role="status">{t('shop.none_found', { search: wanted })}</p>}
      <ul className="ask-lines">
        {others.map((offer) => (
          <li key={offer.product_id}>
            <span>
              {offer.name} <span className="soft">{moneyText(offer.price, locale)}</span>
            </span>
            <button
              type="button"
              className="button"
              onClick={() => {
                setNames(new Map([...names, [offer.product_id, offer.name]]));
                setTyped('');
                setWanted('');
                onChange({ ...picked, [offer.product_id]: 1 });
              }}
            >
              {t('pick.choose')} <span className="unseen">{offer.name}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
