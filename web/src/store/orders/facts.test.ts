import { describe, expect, it } from 'vitest';
import { en } from '../words';
import { type HistoryLine, looksTheSame, type Return, reference, returnable, safeLink, sentUnits, timeline } from './facts';
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

it('what has left a warehouse is counted by line', () => {
  expect([sentUnits(order, 'a'), sentUnits(order, 'b'), sentUnits(order, 'c')]).toEqual([3, 1, 0]);
});
it('an order is named by the end of its id', () => expect(reference('01890000-0000-7000-8000-0000a1b2c3d4')).toBe('A1B2C3D4'));
it.each([
  ['/sim/psp/challenge/pi_1', true],
  ['https://bank.example/3ds', true],
  ['javascript:alert(1)', false],
])('a link like %s is followed: %s', (link, followed) => expect(safeLink(link) !== null).toBe(followed));
