/** Products that are about to run out, the soonest gone first. */
import MuiLink from '@mui/material/Link';
import { useQuery } from '@tanstack/react-query';
import { Link as RouterLink } from 'react-router-dom';
import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Part } from '../kit/Desk';
import { Rows } from '../kit/Rows';

const SHOWN = 10;

export function RunningOut() {
  const { t, language } = useWords();
  const sees = useMay('warehouse', 'auditor');
  const stock = useQuery({
    queryKey: ['report', 'stock'],
    queryFn: () => told(api.GET('/api/admin/reports/inventory/stock', { params: { query: { limit: SHOWN } } })),
    retry: false,
    refetchInterval: 60_000,
  });
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  return (
    <Part title={t('running_out.title')}>
      <Rows
        caption={t('running_out.title')}
        pages={{
          rows: stock.data?.items ?? [],
          error: stock.error,
          loading: stock.isPending,
          again: () => void stock.refetch(),
        }}
        rowKey={(row) => row.product_id}
        empty={t('running_out.none')}
        columns={[
          {
            name: 'sku',
            label: t('desks.sku'),
            cell: (row) =>
              sees ? (
                <MuiLink component={RouterLink} to={`/stock?product=${encodeURIComponent(row.product_id)}`}>
                  {row.product_id}
                </MuiLink>
              ) : (
                row.product_id
              ),
          },
          { name: 'name', label: t('products.name'), cell: (row) => row.name },
          { name: 'available', label: t('stock.available'), numeric: true, cell: (row) => number.format(row.available) },
          { name: 'waiting', label: t('running_out.waiting'), numeric: true, cell: (row) => number.format(row.waiting) },
          { name: 'sold', label: t('running_out.sold'), numeric: true, cell: (row) => number.format(row.sold_per_day) },
          {
            name: 'days',
            label: t('running_out.days'),
            numeric: true,
            cell: (row) => (row.days_left === null ? '–' : <strong>{number.format(row.days_left)}</strong>),
          },
        ]}
      />
    </Part>
  );
}
