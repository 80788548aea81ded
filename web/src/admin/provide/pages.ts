/** Pages of a list that is read by cursor: how the pages seen are reached again. */
import type { GetListParams } from 'react-admin';
import type { AnySource } from './source';

type Cursors = (string | undefined)[];

const ORDER = { field: 'id', order: 'ASC' } as const;

/** Remember how to reach the pages of each list; the first page is reached without a cursor. */
export class Trails {
  private readonly trails = new Map<string, Cursors>();

  of(list: string): Cursors {
    const trail = this.trails.get(list) ?? [undefined];
    this.trails.set(list, trail);
    return trail;
  }

  /** Begin anew: the first page was read again. */
  restart(list: string): Cursors {
    this.trails.delete(list);
    return this.of(list);
  }
}

/** Read page `page` of a list, through the pages before it where their cursors are not known. */
export async function readPage<Row extends object>(
  source: AnySource,
  trails: Trails,
  list: string,
  { pagination, filter, sort }: GetListParams,
  signal?: AbortSignal,
): Promise<{ items: Row[]; more: boolean }> {
  if (!source.list) throw new Error(`${list} has no list`);
  const { page = 1, perPage: limit = 50 } = pagination ?? {};
  const trail = page === 1 ? trails.restart(list) : trails.of(list);
  for (let at = Math.min(page, trail.length); ; at += 1) {
    const answer = await source.list({ cursor: trail[at - 1], limit, filter: filter ?? {}, sort: sort ?? ORDER }, signal);
    const next = answer.next_cursor ?? undefined;
    if (next) trail[at] = next;
    else trail.length = at; // pages that were there before are gone
    if (at === page) return { items: answer.items, more: next !== undefined };
    if (!next) return { items: [], more: false };
  }
}
