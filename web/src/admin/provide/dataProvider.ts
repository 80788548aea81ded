/**
 * react-admin's way to the services. They page by cursor and do not count, so a list is read in partial pages: the cursors of the
 * pages seen are remembered for each list (resource, filter, order, size), and a page further on is reached by going through those
 * before it. Refusals stay `Problem`s; a change carries the version it was made from.
 */
import type { DataProvider, GetListParams, RaRecord } from 'react-admin';
import { newIntention } from '../../api/client';
import { readPage, Trails } from './pages';
import type { AnySource, Kept } from './source';

export function makeDataProvider(sources: Record<string, AnySource>): DataProvider {
  const trails = new Trails();
  const sourceOf = (resource: string): AnySource => {
    const source = sources[resource];
    if (!source) throw new Error(`no source for ${resource}`);
    return source;
  };
  const kept = <Row extends object>(source: AnySource, row: Row, version?: string | null): Kept<Row> => ({
    ...row,
    id: source.id(row),
    ...(version === undefined ? {} : { version_tag: version }),
  });
  const one = async (resource: string, id: string, signal?: AbortSignal) => {
    const source = sourceOf(resource);
    if (!source.one) throw new Error(`${resource} has no page of one`);
    const { data, version } = await source.one(id, signal);
    return kept(source, data, version);
  };
  const refuse = () => Promise.reject(new Error('the services have no such call'));

  const provider = {
    async getList(resource: string, params: GetListParams) {
      const source = sourceOf(resource);
      const list = JSON.stringify([resource, params.filter, params.sort, params.pagination?.perPage]);
      const { items, more } = await readPage<RaRecord>(source, trails, list, params, params.signal);
      const { page = 1, perPage = items.length } = params.pagination ?? {};
      // How many there are is known on the last page alone.
      const total = more ? undefined : (page - 1) * perPage + items.length;
      const pageInfo = { hasNextPage: more, hasPreviousPage: page > 1 };
      return { data: items.map((row) => kept(source, row)), total, pageInfo };
    },
    getOne: async (resource: string, { id, signal }: { id: string; signal?: AbortSignal }) => ({
      data: await one(resource, String(id), signal),
    }),
    getMany: async (resource: string, { ids }: { ids: string[] }) => ({
      data: await Promise.all(ids.map((id) => one(resource, String(id)))),
    }),
    async create(resource: string, { data, meta }: { data: object; meta?: { intention?: string } }) {
      const source = sourceOf(resource);
      if (!source.create) return refuse();
      return { data: kept(source, await source.create(data, meta?.intention ?? newIntention())) };
    },
    async update(
      resource: string,
      params: { id: string; data: object; previousData: { version_tag?: string | null }; meta?: { intention?: string } },
    ) {
      const source = sourceOf(resource);
      if (!source.update) return refuse();
      const version = params.previousData?.version_tag ?? null;
      const row = await source.update(String(params.id), params.data, version, params.meta?.intention ?? newIntention());
      return { data: kept(source, row) };
    },
    getManyReference: refuse,
    updateMany: refuse,
    delete: refuse,
    deleteMany: refuse,
    supportAbortSignal: true,
  };
  return provider as unknown as DataProvider;
}
