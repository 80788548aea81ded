import { describe, expect, it } from 'vitest';
import { en } from '../words';
import {
  cutsOf,
  type HistoryLine,
  looksTheSame,
  type Return,
  reference,
  returnable,
  safeLink,
  sentUnits,
  standing,
  timeline,
} from './facts';
import type { Order } from './useOrder';

const line = (notes: string, status: string, at = 0): HistoryLine => ({
  history_id: `${notes}-${at}`,
  order_id: 'o',
  status,
  timestamp: `2026-01-01T00:00:0${at}Z`,
  notes,
  actor: 'payment',
  event_id: null,
  kind: 'change',
});

describe('a timeline', () => {
  it('tells a customer what concerns them, the newest first', () => {
    const history = [
      line('Order placed', 'Pending', 0),
      line('Stock reserved', 'Pending', 1),
      line('Payment authorised; order confirmed', 'Processing', 2),
      line('Label bought: DHL Paket, 123', 'Processing', 3),
      line('Shipment dispatched from berlin', 'Shipped', 4),
      line('Parcel: in transit', 'Shipped', 5),
      line('Shipment delivered', 'Delivered', 6),
    ];
    expect(timeline(history).map((moment) => moment.key)).toEqual(['delivered', 'dispatched', 'confirmed', 'placed']);
  });
  it('tells of a cancellation whatever words were found for it, and once', () => {
    const history = [
      line('Order placed', 'Pending'),
      line('I changed my mind', 'Cancelled'),
      line('Payment released', 'Cancelled'),
    ];
    expect(timeline(history).map((moment) => moment.key)).toEqual(['cancelled', 'placed']);
  });
  it('has a text for each of its moments', () => {
    const spoken = ['placed', 'confirmed', 'cancelled', 'dispatched', 'delivered', 'refunded', 'return_asked'];
    for (const key of spoken) expect(en).toHaveProperty([`timeline.${key}`]);
  });
});

const order = {
  shipments: [
    { delivered_at: '2026-01-02T00:00:00Z', dispatched_at: '2026-01-01T00:00:00Z', lines: [{ item_id: 'a', quantity: 3 }] },
    { delivered_at: null, dispatched_at: '2026-01-01T00:00:00Z', lines: [{ item_id: 'b', quantity: 1 }] },
    { delivered_at: null, dispatched_at: null, lines: [{ item_id: 'a', quantity: 2 }] },
  ],
} as unknown as Order;
const back = (state: string, quantity: number, received = 0) =>
  ({ state, lines: [{ item_id: 'a', quantity, received }] }) as Return;

describe('what can come back', () => {
  it('was delivered', () => expect([...returnable(order, [])]).toEqual([['a', 3]]));
  it('is not on its way back', () => expect([...returnable(order, [back('approved', 2)])]).toEqual([['a', 1]]));
  it('was not declined', () => expect([...returnable(order, [back('declined', 2)])]).toEqual([['a', 3]]));
  it('is what of an ended return never came', () => expect([...returnable(order, [back('closed', 3, 1)])]).toEqual([['a', 2]]));
  it('is nothing once all came', () => expect([...returnable(order, [back('received', 3, 3)])]).toEqual([]));
});

describe('two versions of an order', () => {
  const base = { ...order, status: 'Processing', items: [{ item_id: 'a', quantity: 2 }], version: 4 } as unknown as Order;
  it('look the same where a label was bought', () => {
    const labelled = {
      ...base,
      version: 5,
      shipments: base.shipments.map((one) => ({ ...one, tracking_number: 'T1' })),
    } as Order;
    expect(looksTheSame(base, labelled)).toBe(true);
  });
  it('differ where units were taken out or left', () => {
    expect(looksTheSame(base, { ...base, items: [{ ...base.items[0], quantity: 1 }] } as Order)).toBe(false);
    const left = base.shipments.map((one) => ({ ...one, dispatched_at: '2026-01-01T00:00:00Z' }));
    expect(looksTheSame(base, { ...base, shipments: left } as Order)).toBe(false);
  });
});

describe('an order that is placed in exchange', () => {
  const other = (status: string, waits: boolean, cancel_reason: string | null = null) =>
    ({ ...order, status, cancel_reason, shipments: [], exchange: { exchange_for: { waits } } }) as unknown as Order;
  it('waits for what comes back', () => {
    expect(standing(other('Processing', true))).toBe('standing.exchange');
    expect(standing(other('Processing', false))).toBe('standing.Processing');
    expect(standing(other('Shipped', false))).toBe('standing.Shipped');
  });
  it('is not said to be cancelled by whom it was not', () => {
    expect(standing(other('Cancelled', false, 'deadline'))).toBe('standing.Cancelled.exchange');
    expect(standing(other('Cancelled', false, 'out_of_stock'))).toBe('standing.Cancelled.out_of_stock');
    expect(standing({ ...other('Cancelled', false, 'deadline'), exchange: null })).toBe('standing.Cancelled.deadline');
  });
  it('has texts for all of that', () => {
    const keys = ['standing.exchange', 'standing.Cancelled.exchange'];
    for (const stage of ['wanted', 'placed', 'settled', 'ended']) keys.push(`return.exchange.${stage}`);
    for (const key of keys) expect(en).toHaveProperty([key]);
  });
});

describe('fewer of an order', () => {
  const lines = [
    { item_id: 'a', quantity: 2 },
    { item_id: 'b', quantity: 1 },
    { item_id: 'gone', quantity: 0 },
  ];
  const whole = { ...order, items: lines } as unknown as Order;
  it('cuts the lines of which less is kept', () => {
    const { cuts, isNothingLeft } = cutsOf(whole, { a: 1, b: 1 });
    expect(cuts.map(({ item, stays }) => [item.item_id, stays])).toEqual([['a', 1]]);
    expect(isNothingLeft).toBe(false);
  });
  it('is none of it where every line goes to nothing', () => {
    expect(cutsOf(whole, { a: 0 }).isNothingLeft).toBe(false);
    expect(cutsOf(whole, { a: 0, b: 0 }).isNothingLeft).toBe(true);
  });
  it('never keeps more of a line than there is by now', () => {
    expect(cutsOf({ ...whole, items: [{ ...lines[0], quantity: 1 }] } as Order, { a: 2 }).cuts).toEqual([]);
  });
});

it('what has left a warehouse is counted by line', () => {
  expect([sentUnits(order, 'a'), sentUnits(order, 'b'), sentUnits(order, 'c')]).toEqual([3, 1, 0]);
});
it('an order is named by the end of its id', () => expect(reference('01890000-0000-7000-8000-0000a1b2c3d4')).toBe('A1B2C3D4'));
it.each([
  ['/sim/psp/challenge/pi_1', true],
  ['https://bank.example/3ds', true],
  ['javascript:alert(1)', false],
])('a link like %s is followed: %s', (link, followed) => expect(safeLink(link) !== null).toBe(followed));
