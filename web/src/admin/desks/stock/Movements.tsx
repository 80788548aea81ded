/** What moved of a product, where and why: the ledger of its stock, newest first. */
import { useParams } from 'react-router-dom';
import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { Bar, Desk, Part } from '../kit/Desk';
import { Rows } from '../kit/Rows';
import { Moment, OrderRef } from '../kit/refs';
import { useChoice } from '../kit/useChoice';
import { usePages } from '../kit/usePages';
import { WarehouseChoice } from '../kit/WarehouseChoice';

const signed = (units: number): string => (units > 0 ? `+${units}` : String(units).replace('-', '−'));

export function Movements() {
  const { t, has } = useWords();
  const { sku = '' } = useParams();
  const [warehouse, setWarehouse] = useChoice('warehouse');
  const pages = usePages(['movements', sku, warehouse], (cursor) =>
    told(
      api.GET('/api/admin/stock/{sku}/movements', {
        params: { path: { sku }, query: { warehouse_id: warehouse || null, cursor: cursor ?? null } },
      }),
    ),
  );
  return (
    <Desk title={t('movements.title', { product: sku })} intro={t('movements.intro')}>
      <Part>
        <Bar label={t('desks.filters')}>
          <WarehouseChoice value={warehouse} set={setWarehouse} any />
        </Bar>
        <Rows
          caption={t('movements.title', { product: sku })}
          pages={pages}
          rowKey={(row) => row.movement_id}
          empty={t('desks.none')}
          columns={[
            { name: 'at', label: t('desks.at'), cell: (row) => <Moment at={row.at} /> },
            { name: 'warehouse', label: t('desks.warehouse'), cell: (row) => row.warehouse_id },
            {
              name: 'kind',
              label: t('stock.kind'),
              cell: (row) => (has(`movement.${row.kind}`) ? t(`movement.${row.kind}`) : row.kind.replaceAll('_', ' ')),
            },
            { name: 'on_hand', label: t('stock.on_hand'), numeric: true, cell: (row) => signed(row.on_hand_delta) },
            { name: 'reserved', label: t('stock.reserved'), numeric: true, cell: (row) => signed(row.reserved_delta) },
            {
              name: 'why',
              label: t('desks.reason'),
              cell: (row) => (
                <div>
                  {row.reason} {row.order_id ? <OrderRef id={row.order_id} /> : null}
                </div>
              ),
            },
            { name: 'who', label: t('desks.who'), cell: (row) => row.actor },
          ]}
        />
      </Part>
    </Desk>
  );
}
