/** What follows from an order for whoever ordered it; pure, and told in keys of the catalogues. */
import type { components } from '../../api/schema/order';
import type { Order } from './useOrder';

export type HistoryLine = components['schemas']['HistoryView'];
export type Return = components['schemas']['ReturnView'];

/** Name an order as people read it out, and as letters name it. */
export const reference = (orderId: string): string => orderId.replaceAll('-', '').slice(-8).toUpperCase();

export type Tone = 'good' | 'warn' | 'bad' | 'busy' | '';
const TONES: Record<string, Tone> = {
  Pending: 'warn',
  Processing: 'busy',
  Shipped: 'busy',
  Delivered: 'good',
  Cancelled: 'bad',
};
export const toneOf = (status: string): Tone => TONES[status] ?? '';

/** How far an order has come on its way: 0 placed, 1 confirmed, 2 sent, 3 delivered; null where it is on no way any more. */
export function stepOf(status: string): number | null {
  const step = ['Pending', 'Processing', 'Shipped', 'Delivered'].indexOf(status);
  return step < 0 ? null : step;
}

/** Why an order is cancelled whose exchange comes to nothing. */
const OF_EXCHANGES = ['customer', 'deadline', 'staff'];

/** Say in a sentence where an order stands: the key of it. */
export function standing(order: Order): string {
  if (order.status === 'Pending') {
    if (order.hold_reason === 'in_review') return 'standing.review';
    return order.payment_action ? `standing.${order.payment_action.kind}` : 'standing.Pending';
  }
  const source = order.exchange?.exchange_for;
  if (order.status === 'Cancelled') {
    const reason = order.cancel_reason ?? 'staff';
    return `standing.Cancelled.${source && OF_EXCHANGES.includes(reason) ? 'exchange' : reason}`;
  }
  if (order.status === 'Processing' && source?.waits) return 'standing.exchange';
  if (order.status === 'Processing' && order.shipments.some((one) => one.dispatched_at)) return 'standing.partly';
  return `standing.${order.status}`;
}

// What the history says to those who run the shop, and what a customer is told of it. What is not named here concerns them alone.
const TOLD: [RegExp, string][] = [
  [/^Order placed/, 'placed'],
  [/order confirmed$/, 'confirmed'],
  [/^Payment waits for the customer: transfer/, 'transfer'],
  [/^Payment waits for the customer/, 'challenge'],
  [/^In review$/, 'review'],
  [/^Shipment dispatched/, 'dispatched'],
  [/^Shipment delivered/, 'delivered'],
  [/^Payment captured/, 'captured'],
  [/^More was asked for/, 'asked_for_more'],
  [/^The addition came about/, 'added'],
  [/^The addition did not come about/, 'not_added'],
  [/^The rest is cancelled/, 'rest_cancelled'],
  [/^Address changed/, 'readdressed'],
  [/^Contact or billing address changed/, 'contact'],
  [/^Awaited stock came in/, 'restocked'],
  [/^Refunded:/, 'refunded'],
  [/^Return of \d+ units asked for/, 'return_asked'],
  [/^Return of \d+ units approved/, 'return_approved'],
  [/^Return declined: customer/, 'return_withdrawn'],
  [/^Return declined/, 'return_declined'],
  [/^Return received/, 'return_received'],
  [/^Label for the return bought/, 'return_label'],
];

export interface Moment {
  id: string;
  at: string;
  key: string;
}

/** Tell an order's history to its customer, the newest first. */
export function timeline(history: readonly HistoryLine[]): Moment[] {
  const moments: Moment[] = [];
  let status = '';
  for (const line of history) {
    const said = TOLD.find(([pattern]) => pattern.test(line.notes))?.[1];
    // Whatever words were found for a cancellation, it is told by the status it led to.
    const key = line.status === 'Cancelled' && status !== 'Cancelled' ? 'cancelled' : said;
    if (key && key !== moments.at(-1)?.key) moments.push({ id: line.history_id, at: line.timestamp, key });
    status = line.status;
  }
  return moments.reverse();
}

/** How many units of each line were delivered and are neither back nor on their way back. */
export function returnable(order: Order, returns: readonly Return[]): Map<string, number> {
  const units = new Map<string, number>();
  const add = (item: string, quantity: number) => units.set(item, (units.get(item) ?? 0) + quantity);
  for (const shipment of order.shipments.filter((one) => one.delivered_at)) {
    for (const line of shipment.lines) add(line.item_id, line.quantity);
  }
  for (const back of returns.filter((one) => one.state !== 'declined')) {
    for (const line of back.lines) add(line.item_id, -(back.state === 'closed' ? line.received : line.quantity));
  }
  return new Map([...units].filter(([, quantity]) => quantity > 0));
}

/** How many units of a line have left a warehouse: fewer cannot be kept. */
export const sentUnits = (order: Order, itemId: string): number =>
  order.shipments
    .filter((one) => one.dispatched_at)
    .flatMap((one) => one.lines)
    .filter((line) => line.item_id === itemId)
    .reduce((sum, line) => sum + line.quantity, 0);

/** What is taken out of the lines of an order when `kept` stays of them, and whether anything would be left of the order. */
export function cutsOf(order: Order, kept: Readonly<Record<string, number>>) {
  const lines = order.items
    .filter((item) => item.quantity > 0)
    .map((item) => ({ item, stays: Math.min(kept[item.item_id] ?? item.quantity, item.quantity) }));
  const cuts = lines.filter(({ item, stays }) => stays < item.quantity);
  return { lines, cuts, isNothingLeft: lines.every(({ stays }) => stays === 0) };
}

/** Whether an order shows its customer the same in two versions, as far as it matters to what they ask of it. */
export function looksTheSame(one: Order, other: Order): boolean {
  const seen = (order: Order) => [
    order.status,
    order.total_amount,
    order.shipping_address,
    order.billing_address,
    order.contact,
    order.items.map((item) => [item.item_id, item.quantity]),
    order.shipments.map((shipment) => [shipment.shipment_id, shipment.dispatched_at, shipment.delivered_at]),
  ];
  return JSON.stringify(seen(one)) === JSON.stringify(seen(other));
}

/** Whether a link that a payment provider gave may be followed: a page of the web, and no script. */
export function safeLink(reference: string): string | null {
  try {
    const url = new URL(reference, 'https://shop.invalid/');
    return ['http:', 'https:'].includes(url.protocol) ? reference : null;
  } catch {
    return null;
  }
}
