/** What an order can be in, by axis; the texts stand in the catalogue under the axis' name. */

export const STATUSES = ['Pending', 'Processing', 'Shipped', 'Delivered', 'Cancelled', 'Refunded'] as const;

export const AXES = {
  order_state: ['pending', 'confirmed', 'cancelled'],
  payment_state: [
    'pending',
    'authorized',
    'declined',
    'partially_captured',
    'captured',
    'capture_failed',
    'voided',
    'partially_refunded',
    'refunded',
  ],
  fulfilment_state: ['unplanned', 'planned', 'partially_shipped', 'shipped', 'delivered', 'cancelled'],
  return_state: ['none', 'requested', 'approved', 'partially_received', 'received', 'closed'],
} as const;

export type Axis = keyof typeof AXES;

export const HOLD_REASONS = [
  'in_review',
  'capture_failed',
  'disputed',
  'refund_failed',
  'refund_short',
  'move_unanswered',
  'carrier_has_it',
  'delivery_returned',
  'delivery_exception',
] as const;

export type Tone = 'default' | 'success' | 'warning' | 'error' | 'info' | 'primary';

const BAD = new Set(['declined', 'capture_failed', 'failed']);
const WAITING = new Set([
  'pending',
  'Pending',
  'requested',
  'awaiting_approval',
  'held',
  'moving',
  'partially_received',
  'queued',
]);
const GOOD = new Set(['Delivered', 'delivered', 'captured', 'received', 'refunded', 'Refunded', 'sent', 'applied', 'closed']);
const UNDER_WAY = new Set([
  'Processing',
  'Shipped',
  'shipped',
  'partially_shipped',
  'dispatched',
  'approved',
  'partially_captured',
]);

/** Say how a state looks: colour only repeats what the words say. */
export function toneOf(state: string): Tone {
  if (BAD.has(state)) return 'error';
  if (WAITING.has(state)) return 'warning';
  if (GOOD.has(state)) return 'success';
  return UNDER_WAY.has(state) ? 'info' : 'default';
}
