import { useInfiniteQuery } from '@tanstack/react-query';

export interface Paged<Row> {
  items: Row[];
  next_cursor?: string | null;
}

export interface Pages<Row> {
  rows: Row[];
  error: unknown;
  loading: boolean;
  more: (() => void) | null;
  loadingMore: boolean;
  again: () => void;
}

/** A list of a service, page after page by its cursors; asked for again after `every` so many milliseconds. */
export function usePages<Row>(
  key: readonly unknown[],
  ask: (cursor: string | undefined) => Promise<Paged<Row>>,
  manner: { enabled?: boolean; every?: (rows: Row[]) => number } = {},
): Pages<Row> {
  const pages = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => ask(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    retry: false,
    enabled: manner.enabled ?? true,
    refetchInterval: (query) => manner.every?.(query.state.data?.pages.flatMap((page) => page.items) ?? []) ?? false,
  });
  return {
    rows: pages.data?.pages.flatMap((page) => page.items) ?? [],
    error: pages.error,
    loading: pages.isPending,
    more: pages.hasNextPage ? () => void pages.fetchNextPage() : null,
    loadingMore: pages.isFetchingNextPage,
    again: () => void pages.refetch(),
  };
}
