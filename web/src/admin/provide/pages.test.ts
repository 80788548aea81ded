import { describe, expect, it } from 'vitest';
import { readPage, Trails } from './pages';
import type { ListQuery } from './source';

const rows = Array.from({ length: 7 }, (_, at) => ({ sku: `S${at}` }));

function shelf() {
  const asked: (string | undefined)[] = [];
  const list = async ({ cursor, limit }: ListQuery) => {
    asked.push(cursor);
    const from = Number(cursor ?? 0);
    const upTo = from + limit;
    return { items: rows.slice(from, upTo), next_cursor: upTo < rows.length ? String(upTo) : null };
  };
  const trails = new Trails();
  const source = { id: (row: { sku: string }) => row.sku, list };
  const read = (at: number, name = 'shelf') => readPage<{ sku: string }>(source, trails, name, page(at));
  return { asked, read };
}

const page = (at: number) => ({
  pagination: { page: at, perPage: 3 },
  sort: { field: 'sku', order: 'ASC' as const },
  filter: {},
});

describe('partial pages by cursor', () => {
  it('goes on from the cursor of the page before', async () => {
    const { asked, read } = shelf();
    await read(1);
    const second = await read(2);
    expect(second.items.map((row) => row.sku)).toEqual(['S3', 'S4', 'S5']);
    expect(second.more).toBe(true);
    expect(asked).toEqual([undefined, '3']);
  });

  it('reaches a page of a link through the pages before it', async () => {
    const { asked, read } = shelf();
    const third = await read(3);
    expect(third.items.map((row) => row.sku)).toEqual(['S6']);
    expect(third.more).toBe(false);
    expect(asked).toEqual([undefined, '3', '6']);
  });

  it('answers an empty page beyond the end', async () => {
    const { read } = shelf();
    expect(await read(9)).toEqual({ items: [], more: false });
  });

  it('keeps lists apart', async () => {
    const { asked, read } = shelf();
    await read(1);
    await read(2, 'shelf of another filter');
    expect(asked).toEqual([undefined, undefined, '3']);
  });
});
