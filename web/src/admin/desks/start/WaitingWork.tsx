import Box from '@mui/material/Box';
import CardActionArea from '@mui/material/CardActionArea';
import Paper from '@mui/material/Paper';
import Typography from '@mui/material/Typography';
import { useQueries } from '@tanstack/react-query';
import { Link as RouterLink } from 'react-router-dom';
import { api, told } from '../../../api/client';
import { usePerson } from '../../../session/usePerson';
import { useWords } from '../../../words/words';
import { may, type Role } from '../../roles';
import { lettersOf, SERVICES } from '../operations/letters';

const MOST = 100;

interface Heap {
  name: string;
  to: string;
  roles: Role[];
  count: () => Promise<{ items: unknown[]; next_cursor?: string | null }>;
}

const query = { limit: MOST };

const HEAPS: Heap[] = [
  {
    name: 'parcels',
    to: '/shipping',
    roles: ['support', 'warehouse'],
    count: () => told(api.GET('/api/admin/shipments', { params: { query: { ...query, state: 'planned' } } })),
  },
  {
    name: 'held',
    to: '/shipping?state=held',
    roles: ['support', 'warehouse'],
    count: () => told(api.GET('/api/admin/shipments', { params: { query: { ...query, state: 'held' } } })),
  },
  {
    name: 'returns',
    to: '/returns',
    roles: ['support', 'warehouse', 'finance', 'auditor'],
    count: () => told(api.GET('/api/admin/returns', { params: { query: { ...query, state: 'requested' } } })),
  },
  {
    name: 'reviews',
    to: '/reviews',
    roles: ['fraud_reviewer', 'support', 'auditor'],
    count: () => told(api.GET('/api/admin/reviews', { params: { query: { ...query, state: 'pending' } } })),
  },
  {
    name: 'refunds',
    to: '/refunds',
    roles: ['support', 'finance', 'auditor'],
    count: () => told(api.GET('/api/admin/refunds', { params: { query: { ...query, state: 'awaiting_approval' } } })),
  },
  {
    name: 'incidents',
    to: '/incidents',
    roles: ['finance', 'support', 'auditor'],
    count: () => told(api.GET('/api/admin/payments/incidents', { params: { query: { ...query, state: 'open' } } })),
  },
  {
    name: 'disputes',
    to: '/disputes',
    roles: ['finance', 'support', 'auditor'],
    count: () => told(api.GET('/api/admin/disputes', { params: { query: { ...query, status: 'open' } } })),
  },
  {
    name: 'letters',
    to: '/dead-letters',
    roles: ['support', 'auditor'],
    count: async () => ({ items: (await Promise.all(SERVICES.map((one) => lettersOf(one, 'open')))).flat() }),
  },
];

/** How much waits on each desk that is open to the person. */
export function WaitingWork() {
  const { t } = useWords();
  const roles = usePerson()?.roles ?? new Set<string>();
  const mine = HEAPS.filter((heap) => may(roles, heap.roles));
  const counts = useQueries({
    queries: mine.map((heap) => ({
      queryKey: ['waiting', heap.name],
      queryFn: heap.count,
      retry: false,
      refetchInterval: 30_000,
    })),
  });
  return (
    <Box
      component="nav"
      aria-label={t('start.waiting')}
      sx={{ display: 'grid', gap: 1.5, mb: 3, gridTemplateColumns: 'repeat(auto-fill, minmax(min(100%, 8rem), 1fr))' }}
    >
      {mine.map((heap, place) => {
        const { data, error } = counts[place] ?? {};
        const count = data ? `${Math.min(data.items.length, MOST)}${data.next_cursor ? '+' : ''}` : error ? '–' : '…';
        return (
          <Paper key={heap.name} variant="outlined">
            <CardActionArea component={RouterLink} to={heap.to} sx={{ p: 2, height: '100%' }}>
              <Typography component="span" sx={{ display: 'block', fontSize: '1.9rem', fontWeight: 700, lineHeight: 1.2 }}>
                {count}
              </Typography>
              <Typography component="span" sx={{ color: 'text.secondary' }}>
                {t(`start.${heap.name}`)}
              </Typography>
            </CardActionArea>
          </Paper>
        );
      })}
    </Box>
  );
}
