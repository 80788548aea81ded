import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import { useQuery } from '@tanstack/react-query';
import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { Part } from '../kit/Desk';
import { Refusal } from '../kit/Refusal';
import { Rows } from '../kit/Rows';

/** Whether the books agree with themselves; asked for, as all of them are read. */
export function StockAudit() {
  const { t } = useWords();
  const audit = useQuery({
    queryKey: ['stock-audit'],
    queryFn: () => told(api.GET('/api/admin/stock/audit')),
    enabled: false,
    retry: false,
  });
  return (
    <Part
      title={t('audit.stock')}
      actions={
        <Button variant="outlined" onClick={() => void audit.refetch()} loading={audit.isFetching}>
          {t('audit.run')}
        </Button>
      }
    >
      <Refusal error={audit.error} />
      <div aria-live="polite">
        {audit.data ? (
          <Alert severity={audit.data.consistent ? 'success' : 'error'} role={audit.data.consistent ? 'status' : 'alert'}>
            {t(audit.data.consistent ? 'audit.stock_sound' : 'audit.stock_differs', {
              checked: audit.data.checked,
              smart_count: audit.data.differences.length,
            })}
          </Alert>
        ) : null}
      </div>
      {audit.data?.differences.length ? (
        <Rows
          caption={t('audit.stock')}
          pages={{ rows: audit.data.differences, error: null, loading: false }}
          rowKey={(row) => `${row.product_id} ${row.warehouse_id}`}
          empty=""
          columns={[
            { name: 'sku', label: t('desks.sku'), cell: (row) => row.product_id },
            { name: 'warehouse', label: t('desks.warehouse'), cell: (row) => row.warehouse_id },
            { name: 'on_hand', label: t('stock.on_hand'), numeric: true, cell: (row) => row.on_hand },
            { name: 'ledger', label: t('audit.ledger'), numeric: true, cell: (row) => row.ledger_on_hand },
            { name: 'reserved', label: t('stock.reserved'), numeric: true, cell: (row) => row.reserved },
            { name: 'held', label: t('audit.held'), numeric: true, cell: (row) => row.held },
          ]}
        />
      ) : null}
    </Part>
  );
}
