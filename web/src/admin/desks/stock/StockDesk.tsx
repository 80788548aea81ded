/** Stock by product and warehouse: what lies where, what is reserved, and the ways to set it right. */
import Button from '@mui/material/Button';
import MuiLink from '@mui/material/Link';
import { useState } from 'react';
import { Link as RouterLink } from 'react-router-dom';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/inventory';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Bar, Desk, Part } from '../kit/Desk';
import { LookFor } from '../kit/LookFor';
import { Rows } from '../kit/Rows';
import { useChoice } from '../kit/useChoice';
import { usePages } from '../kit/usePages';
import { WarehouseChoice } from '../kit/WarehouseChoice';
import { AdjustAsk } from './AdjustAsk';
import { StockAudit } from './StockAudit';
import { TransferAsk } from './TransferAsk';

export type Stock = components['schemas']['StockView'];

export function StockDesk() {
  const { t } = useWords();
  const keeps = useMay('warehouse');
  const [sku, setSku] = useChoice('product');
  const [warehouse, setWarehouse] = useChoice('warehouse');
  const [adjusted, setAdjusted] = useState<Stock | null>(null);
  const [carried, setCarried] = useState<Stock | null>(null);
  const pages = usePages(['stock', sku, warehouse], (cursor) =>
    told(
      api.GET('/api/admin/stock', {
        params: { query: { product_id: sku || null, warehouse_id: warehouse || null, cursor: cursor ?? null } },
      }),
    ),
  );
  const named = (text: string, row: Stock) => `${text}: ${row.product_id}, ${row.warehouse_id}`;
  return (
    <Desk
      title={t('stock.title')}
      intro={t('stock.intro')}
      actions={
        keeps ? (
          <>
            <Button component={RouterLink} to="/stock/stocktake" variant="outlined">
              {t('stocktake.title')}
            </Button>
            <Button
              variant="contained"
              onClick={() => setAdjusted({ product_id: sku, warehouse_id: warehouse, on_hand: 0, reserved: 0, available: 0 })}
            >
              {t('stock.adjust')}
            </Button>
          </>
        ) : null
      }
    >
      <Part>
        <Bar label={t('desks.filters')}>
          <LookFor label={t('desks.sku')} value={sku} set={setSku} />
          <WarehouseChoice value={warehouse} set={setWarehouse} any />
        </Bar>
        <Rows
          caption={t('stock.title')}
          pages={pages}
          rowKey={(row) => `${row.product_id} ${row.warehouse_id}`}
          empty={t('stock.none')}
          columns={[
            {
              name: 'sku',
              label: t('desks.sku'),
              cell: (row) => (
                <MuiLink component={RouterLink} to={`/stock/${encodeURIComponent(row.product_id)}/movements`}>
                  {row.product_id}
                </MuiLink>
              ),
            },
            { name: 'warehouse', label: t('desks.warehouse'), cell: (row) => row.warehouse_id },
            { name: 'on_hand', label: t('stock.on_hand'), numeric: true, cell: (row) => row.on_hand },
            { name: 'reserved', label: t('stock.reserved'), numeric: true, cell: (row) => row.reserved },
            {
              name: 'available',
              label: t('stock.available'),
              numeric: true,
              cell: (row) => <strong>{row.available}</strong>,
            },
            {
              name: 'actions',
              label: t('desks.actions'),
              actions: true,
              cell: (row) =>
                keeps ? (
                  <>
                    <Button onClick={() => setAdjusted(row)} aria-label={named(t('stock.adjust'), row)}>
                      {t('stock.adjust')}
                    </Button>
                    <Button onClick={() => setCarried(row)} aria-label={named(t('stock.transfer'), row)}>
                      {t('stock.transfer')}
                    </Button>
                  </>
                ) : null,
            },
          ]}
        />
      </Part>
      <StockAudit />
      {adjusted ? <AdjustAsk row={adjusted} onClose={() => setAdjusted(null)} /> : null}
      {carried ? <TransferAsk row={carried} onClose={() => setCarried(null)} /> : null}
    </Desk>
  );
}
