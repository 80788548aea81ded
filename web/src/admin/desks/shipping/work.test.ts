import { describe, expect, it } from 'vitest';
import { pickList, scanned, type Work } from './work';

const parcel = (end: string, warehouse: string, lines: [string, number][], tracking: string | null = null) =>
  ({
    shipment_id: `0193f0aa-0000-7000-8000-0000${end}`,
    warehouse_id: warehouse,
    tracking_number: tracking,
    lines: lines.map(([product_id, quantity], place) => ({ item_id: `${end}${place}`, product_id, quantity })),
  }) as unknown as Work;

const queue = [
  parcel('aaaa1111', 'lyon', [['TEA', 1]], 'SWIFT-1001'),
  parcel('bbbb2222', 'berlin', [
    ['TEA', 2],
    ['MUG', 1],
  ]),
  parcel('cccc3333', 'berlin', [
    ['TEA', 1],
    ['TEA', 3],
  ]),
];

describe('the pick list', () => {
  it('adds up each product of a warehouse and says for which parcels', () => {
    const [berlin, lyon] = pickList(queue);
    expect(berlin).toMatchObject({ warehouse_id: 'berlin', parcels: 2, units: 7 });
    expect(berlin?.picks.map((pick) => [pick.product_id, pick.units])).toEqual([
      ['MUG', 1],
      ['TEA', 6],
    ]);
    expect(berlin?.picks[1]?.parcels.map((one) => one.units)).toEqual([2, 4]);
    expect(lyon).toMatchObject({ warehouse_id: 'lyon', parcels: 1, units: 1 });
  });
  it('is empty where there is no work', () => expect(pickList([])).toEqual([]));
});

describe('a scanned code', () => {
  it.each([
    ['SWIFT-1001', '1111'],
    [' swift1001 ', '1111'],
    ['0193f0aa-0000-7000-8000-0000bbbb2222', '2222'],
    ['#CCCC3333', '3333'],
  ])('%s means one parcel', (code, end) => expect(scanned(code, queue)?.shipment_id.endsWith(end)).toBe(true));
  it.each(['', '1', '3333', 'nothing like it', '00000000'])('"%s" means none', (code) =>
    expect(scanned(code, queue)).toBeNull(),
  );
});
