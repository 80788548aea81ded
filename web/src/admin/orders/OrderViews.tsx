import BookmarkAdd from '@mui/icons-material/BookmarkAddOutlined';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Chip from '@mui/material/Chip';
import { useQuery } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { AddSavedQueryDialog, type SavedQuery, useListContext, useSavedQueries, useStore } from 'react-admin';
import { api, told } from '../../api/client';
import { useWords } from '../../words/words';
import { type OrderFilter, queryOf } from './source';
import { isShown, type View, views } from './views';

const HALF_A_MINUTE = 30_000;

const countOf = (filter: OrderFilter) => told(api.GET('/api/admin/orders/counts', { params: { query: queryOf(filter) } }));

/** The views above the list: those everybody has, with how many orders are in each, and those the person has saved. */
export function OrderViews() {
  const { t } = useWords();
  const { filterValues, setFilters, setSort } = useListContext();
  const [saved] = useSavedQueries('orders');
  const [, keep] = useStore<SavedQuery[]>('orders.savedQueries', []);
  const [isNaming, setNaming] = useState(false);
  const strip = useRef<HTMLElement>(null);
  const shown = filterValues as OrderFilter;
  const all = views();
  const cancelled = all.find((view) => view.name === 'cancelled_today') as View;
  const counts = useQuery({
    queryKey: ['orders', 'counts', shown],
    queryFn: () => countOf(shown),
    refetchInterval: HALF_A_MINUTE,
    placeholderData: (before) => before,
  });
  const cancelledToday = useQuery({
    queryKey: ['orders', 'counts', cancelled.filter],
    queryFn: () => countOf(cancelled.filter),
    refetchInterval: HALF_A_MINUTE,
  });

  const numberOf = (view: View): string => {
    const found = view === cancelled ? cancelledToday.data?.matching : counts.data && view.count?.(counts.data);
    return found ? ` ${found.count}${found.capped ? '+' : ''}` : '';
  };
  const isKnown = all.some((view) => isShown(view.filter, shown)) || saved.some((one) => isShown(one.value.filter, shown));
  const forget = (at: number) => {
    keep(saved.filter((_, place) => place !== at));
    strip.current?.querySelector('button')?.focus();
  };

  return (
    <Box component="nav" ref={strip} aria-label={t('orders.views')} sx={{ display: 'flex', flexWrap: 'wrap', gap: 1, pb: 1.5 }}>
      {all.map((view) => (
        <Chip
          key={view.name}
          component="button"
          label={t(`orders.view.${view.name}`) + numberOf(view)}
          color={isShown(view.filter, shown) ? 'primary' : 'default'}
          variant={isShown(view.filter, shown) ? 'filled' : 'outlined'}
          aria-pressed={isShown(view.filter, shown)}
          onClick={() => setFilters(view.filter, {})}
        />
      ))}
      {saved.map((query, at) => (
        <Box key={query.label} sx={{ display: 'inline-flex', alignItems: 'center' }}>
          <Chip
            component="button"
            label={query.label}
            color={isShown(query.value.filter, shown) ? 'primary' : 'default'}
            variant={isShown(query.value.filter, shown) ? 'filled' : 'outlined'}
            aria-pressed={isShown(query.value.filter, shown)}
            onClick={() => {
              setFilters(query.value.filter, query.value.displayedFilters);
              if (query.value.sort) setSort(query.value.sort);
            }}
          />
          {isShown(query.value.filter, shown) && (
            <Button size="small" color="inherit" onClick={() => forget(at)}>
              {t('orders.view.forget')}
            </Button>
          )}
        </Box>
      ))}
      {!isKnown && !shown.user_id && (
        <Button size="small" startIcon={<BookmarkAdd />} onClick={() => setNaming(true)}>
          {t('orders.view.save')}
        </Button>
      )}
      <AddSavedQueryDialog open={isNaming} onClose={() => setNaming(false)} />
      <Box component="output" sx={{ ml: 'auto', alignSelf: 'center', color: 'text.secondary' }}>
        {counts.data &&
          t('orders.found', { smart_count: counts.data.matching.count, more: counts.data.matching.capped ? '+' : '' })}
      </Box>
    </Box>
  );
}
