/** The views that staff open first: a filter each, and where its count is found. */
import { type Counts, type OrderFilter, today } from './source';

export interface View {
  name: string;
  filter: OrderFilter;
  count?: (counts: Counts) => { count: number; capped: boolean } | undefined;
}

export const views = (): View[] => [
  { name: 'all', filter: {} },
  { name: 'to_ship', filter: { fulfilment_state: 'planned' }, count: (counts) => counts.views.to_ship },
  {
    name: 'awaiting_payment',
    filter: { payment_state: 'pending' },
    count: (counts) => counts.axes.payment_state?.pending,
  },
  { name: 'in_review', filter: { hold_reason: 'in_review' }, count: (counts) => counts.views.in_review },
  { name: 'stuck', filter: { stuck: true }, count: (counts) => counts.views.stuck },
  { name: 'held', filter: { held: true }, count: (counts) => counts.views.held },
  { name: 'cancelled_today', filter: { status: 'Cancelled', day_from: today() } },
];

/** Answer whether the list shows exactly this view. */
export const isShown = (filter: OrderFilter, shown: OrderFilter): boolean => {
  const said = Object.entries(shown).filter(([, value]) => value !== undefined && value !== '' && value !== false);
  return (
    said.length === Object.keys(filter).length && said.every(([name, value]) => filter[name as keyof OrderFilter] === value)
  );
};
