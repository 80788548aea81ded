import Link from '@mui/material/Link';
import { DataTable, useRecordContext } from 'react-admin';
import { Link as RouterLink } from 'react-router-dom';
import { momentText, moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { StateChip } from '../parts/StateChip';
import { useLabel } from '../parts/useLabel';
import { BulkButtons } from './BulkButtons';
import { type OrderRow, reference } from './source';

/** The list as a table, for wide screens. */
export function OrderTable() {
  const { language } = useWords();
  return (
    <DataTable<OrderRow & { id: string }>
      rowClick={false}
      bulkActionButtons={<BulkButtons />}
      sx={{
        '& .RaDataTable-headerCell': { whiteSpace: 'nowrap' },
        '& .MuiTableCell-root': { py: 1, px: 1.25 },
        '& .RaDataTable-tableWrapper': { overflowX: 'auto' },
      }}
    >
      <DataTable.Col label="orders.field.order" disableSort>
        <OrderLink />
      </DataTable.Col>
      <DataTable.Col
        source="order_date"
        label="orders.field.order_date"
        render={(order) => momentText(order.order_date, language)}
        sx={{ whiteSpace: 'nowrap' }}
      />
      <DataTable.Col
        source="user_id"
        disableSort
        label="orders.field.user_id"
        sx={{ maxWidth: '9em', overflow: 'hidden', textOverflow: 'ellipsis' }}
      />
      <DataTable.Col
        label="orders.field.status"
        disableSort
        render={(order) => <StateChip area="status" state={order.status} />}
      />
      <DataTable.Col
        label="orders.field.payment_state"
        disableSort
        render={(order) => <StateChip area="payment_state" state={order.payment_state} />}
      />
      <DataTable.Col
        label="orders.field.fulfilment_state"
        disableSort
        render={(order) => <StateChip area="fulfilment_state" state={order.fulfilment_state} />}
      />
      <DataTable.Col label="orders.field.attention" disableSort>
        <Attention />
      </DataTable.Col>
      <DataTable.Col
        source="total_amount"
        label="orders.field.total_amount"
        align="right"
        render={(order) => moneyText(order.total_amount, language)}
        sx={{ fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' }}
      />
    </DataTable>
  );
}

/** The way to an order's page; of one that is stuck or held it leads to the cause. */
export function OrderLink() {
  const order = useRecordContext<OrderRow & { id: string }>();
  if (!order) return null;
  return (
    <Link
      component={RouterLink}
      to={`/orders/${order.order_id}/show`}
      sx={{ fontWeight: 650, fontVariantNumeric: 'tabular-nums' }}
    >
      {reference(order.order_id)}
    </Link>
  );
}

export function Attention() {
  const order = useRecordContext<OrderRow & { id: string }>();
  const label = useLabel();
  if (!order) return null;
  if (order.hold_reason) return <StateChip area="hold" state={order.hold_reason} tone="error" />;
  if (order.cancel_reason) return <span>{label('cancel_reason', order.cancel_reason)}</span>;
  if (order.return_state !== 'none') return <StateChip area="return_state" state={order.return_state} />;
  return null;
}
