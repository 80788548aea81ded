import Box from '@mui/material/Box';
import Link from '@mui/material/Link';
import Typography from '@mui/material/Typography';
import { DataTable, useRecordContext } from 'react-admin';
import { Link as RouterLink } from 'react-router-dom';
import { momentText, moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { StateChip } from '../parts/StateChip';
import { useLabel } from '../parts/useLabel';
import { useMay } from '../roles';
import { BulkBar } from './BulkBar';
import { type OrderRow, reference } from './source';

/** The list as a table, for wide screens. */
export function OrderTable() {
  const { language } = useWords();
  const mayAct = useMay('support', 'warehouse');
  return (
    <DataTable<OrderRow & { id: string }>
      rowClick={false}
      bulkActionButtons={mayAct ? undefined : false}
      bulkActionsToolbar={<BulkBar />}
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
        source="total_amount"
        label="orders.field.total_amount"
        align="right"
        render={(order) => moneyText(order.total_amount, language)}
        sx={{ fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' }}
      />
      <DataTable.Col label="orders.field.status" disableSort>
        <StatusAndWhy />
      </DataTable.Col>
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
    </DataTable>
  );
}

/** The way to an order's page. */
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

function StatusAndWhy() {
  const order = useRecordContext<OrderRow & { id: string }>();
  if (!order) return null;
  return (
    <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 0.5, alignItems: 'center' }}>
      <StateChip area="status" state={order.status} />
      <Attention />
    </Box>
  );
}

/** Why a person should look at the order, or why it is as it is. */
export function Attention() {
  const order = useRecordContext<OrderRow & { id: string }>();
  const label = useLabel();
  if (!order) return null;
  if (order.hold_reason) return <StateChip area="hold" state={order.hold_reason} tone="error" />;
  if (order.cancel_reason) return <Typography variant="body2">{label('cancel_reason', order.cancel_reason)}</Typography>;
  if (order.return_state !== 'none') return <StateChip area="return_state" state={order.return_state} />;
  return null;
}
