import Box from '@mui/material/Box';
import Checkbox from '@mui/material/Checkbox';
import Paper from '@mui/material/Paper';
import Stack from '@mui/material/Stack';
import Typography from '@mui/material/Typography';
import { RecordContextProvider, useListContext } from 'react-admin';
import { momentText, moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { StateChip } from '../parts/StateChip';
import { useMay } from '../roles';
import { BulkBar } from './BulkBar';
import { Attention, OrderLink } from './OrderTable';
import { type OrderRow, reference } from './source';

/** The list as cards, for narrow screens. */
export function OrderCards() {
  const { t, language } = useWords();
  const mayAct = useMay('support', 'warehouse');
  const { data = [], selectedIds, onToggleItem } = useListContext<OrderRow & { id: string }>();
  return (
    <>
      <BulkBar />
      <Stack component="ul" spacing={1} sx={{ listStyle: 'none', p: 0, m: 0 }}>
        {data.map((order) => (
          <RecordContextProvider key={order.id} value={order}>
            <Paper component="li" variant="outlined" sx={{ p: 1.5, display: 'flex', gap: 1 }}>
              {mayAct && (
                <Checkbox
                  sx={{ alignSelf: 'flex-start', m: -0.5 }}
                  checked={selectedIds.includes(order.id)}
                  onChange={() => onToggleItem(order.id)}
                  slotProps={{ input: { 'aria-label': t('orders.select', { order: reference(order.id) }) } }}
                />
              )}
              <Box sx={{ flexGrow: 1, minWidth: 0 }}>
                <Box sx={{ display: 'flex', justifyContent: 'space-between', gap: 1, fontVariantNumeric: 'tabular-nums' }}>
                  <OrderLink />
                  <span>{moneyText(order.total_amount, language)}</span>
                </Box>
                <Typography variant="body2" color="text.secondary" sx={{ overflowWrap: 'anywhere', pb: 1 }}>
                  {momentText(order.order_date, language)} · {order.user_id}
                </Typography>
                <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 0.5 }}>
                  <StateChip area="status" state={order.status} />
                  <StateChip area="payment_state" state={order.payment_state} />
                  <Attention />
                </Box>
              </Box>
            </Paper>
          </RecordContextProvider>
        ))}
      </Stack>
    </>
  );
}
