import { describe, expect, it } from 'vitest';
import { csvOf } from './countedRows';

describe('a stocktake', () => {
  it('is written as a file that the service reads', () =>
    expect(
      csvOf('berlin', [
        { product_id: ' TEA ', counted: '12', note: 'shelf 3, "left"' },
        { product_id: '', counted: ' ', note: 'nobody counted' },
        { product_id: 'MUG', counted: '0', note: '' },
      ]),
    ).toBe('product_id,warehouse_id,counted,note\nTEA,berlin,12,"shelf 3, ""left"""\nMUG,berlin,0,\n'));
});
