import { describe, expect, it } from 'vitest';
import { place, type ReceiptForm, type Return, readReceipt } from './receipt';

const lines = [
  { item_id: 'a', product_id: 'TEA', quantity: 3, reason: 'other', received: 1 },
  { item_id: 'b', product_id: 'MUG', quantity: 1, reason: 'damaged', received: 0 },
] as Return['lines'];

const form = (counts: Record<string, string>, unpaid: Record<string, boolean> = {}): ReceiptForm => ({
  receipt_id: 'r',
  warehouse_id: 'berlin',
  counts,
  unpaid,
});

describe('a receipt', () => {
  it('holds what was counted, each unit as it is', () => {
    const read = readReceipt(
      lines,
      form(
        { [place('a', 'restock')]: '1', [place('a', 'damaged')]: ' 1 ', [place('b', 'write_off')]: '1' },
        { [place('b', 'write_off')]: true },
      ),
    );
    expect(read.faults).toEqual([]);
    expect(read.lines).toEqual([
      { item_id: 'a', quantity: 1, disposition: 'restock', refund: true },
      { item_id: 'a', quantity: 1, disposition: 'damaged', refund: true },
      { item_id: 'b', quantity: 1, disposition: 'write_off', refund: false },
    ]);
  });
  it('never takes more than is awaited', () => {
    const { faults } = readReceipt(lines, form({ [place('a', 'restock')]: '2', [place('a', 'damaged')]: '1' }));
    expect(faults).toEqual([{ item_id: 'a', kind: 'too_many', most: 2 }]);
  });
  it.each(['-1', '1.5', 'two', '1000'])('"%s" is no number of units', (text) => {
    expect(readReceipt(lines, form({ [place('b', 'restock')]: text })).faults).toEqual([{ item_id: 'b', kind: 'number' }]);
  });
  it('is empty where nothing is typed', () => expect(readReceipt(lines, form({})).lines).toEqual([]));
});
