/** Where a list or a page has its rows from: each resource of the panel says it once, and react-admin's hooks work on it. */

export interface ListQuery {
  cursor?: string;
  limit: number;
  filter: Record<string, unknown>;
  sort: { field: string; order: 'ASC' | 'DESC' };
}

export interface Page<Row> {
  items: Row[];
  next_cursor?: string | null;
}

/** A row as react-admin wants it; `version` is the ETag for the `If-Match` of a change. */
export type Kept<Row> = Row & { id: string; version_tag?: string | null };

export interface Source<Row extends object = Record<string, unknown>> {
  id: (row: Row) => string;
  /** One page; a list that the service answers whole has no `next_cursor`. `signal` ends it when nobody waits any more. */
  list?: (query: ListQuery, signal?: AbortSignal) => Promise<Page<Row>>;
  one?: (id: string, signal?: AbortSignal) => Promise<{ data: Row; version: string | null }>;
  /** `intention` is the Idempotency-Key: the same form sent again carries the same one. */
  create?: (data: Partial<Row>, intention: string) => Promise<Row>;
  /** `version` goes into `If-Match`. */
  update?: (id: string, data: Partial<Row>, version: string | null, intention: string) => Promise<Row>;
}

/** Keep a source among others of other rows. */
// biome-ignore lint/suspicious/noExplicitAny: rows of all kinds stand beside each other in the registry
export type AnySource = Source<any>;
