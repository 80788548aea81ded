import Box from '@mui/material/Box';
import Table from '@mui/material/Table';
import TableBody from '@mui/material/TableBody';
import TableCell from '@mui/material/TableCell';
import TableHead from '@mui/material/TableHead';
import TableRow from '@mui/material/TableRow';
import Typography from '@mui/material/Typography';
import { moneyText } from '../../../look/money';
import { useWords } from '../../../words/words';
import { Card } from '../../parts/Card';
import { Facts } from '../../parts/Facts';
import type { Order } from './useOrder';

/** What was ordered, and what it comes to. */
export function Items({ order }: { order: Order }) {
  const { t, language } = useWords();
  const money = (amount: Order['total_amount']) => moneyText(amount, language);
  return (
    <Card title={t('items.title')}>
      <Box sx={{ overflowX: 'auto', mx: -1 }}>
        <Table size="small" aria-label={t('items.title')} sx={{ fontVariantNumeric: 'tabular-nums' }}>
          <TableHead>
            <TableRow>
              <TableCell>{t('items.product')}</TableCell>
              <TableCell align="right">{t('items.quantity')}</TableCell>
              <TableCell align="right" sx={{ display: { xs: 'none', sm: 'table-cell' } }}>
                {t('items.price')}
              </TableCell>
              <TableCell align="right">{t('items.total')}</TableCell>
            </TableRow>
          </TableHead>
          <TableBody>
            {order.items.map((item) => (
              <TableRow key={item.item_id}>
                <TableCell>
                  {item.name}
                  <Typography variant="body2" color="text.secondary" sx={{ overflowWrap: 'anywhere' }}>
                    {item.product_id}
                  </Typography>
                </TableCell>
                <TableCell align="right">{item.quantity}</TableCell>
                <TableCell align="right" sx={{ display: { xs: 'none', sm: 'table-cell' } }}>
                  {money(item.price)}
                </TableCell>
                <TableCell align="right">{money(item.subtotal)}</TableCell>
              </TableRow>
            ))}
            {[
              ['subtotal', order.subtotal_amount],
              ['shipping', order.shipping_amount],
              ['tax', order.tax_amount],
            ].map(([name, amount]) => (
              <TableRow
                key={String(name)}
                sx={{ '& td, & th': { border: 0, py: 0.25, color: 'text.secondary', fontWeight: 400 } }}
              >
                <TableCell component="th" scope="row" colSpan={2} align="right">
                  {name === 'tax' && order.prices_include_tax ? t('items.tax_included') : t(`items.${String(name)}`)}
                </TableCell>
                <TableCell sx={{ display: { xs: 'none', sm: 'table-cell' } }} />
                <TableCell align="right">{money(amount as Order['total_amount'])}</TableCell>
              </TableRow>
            ))}
            <TableRow sx={{ '& td, & th': { border: 0, fontWeight: 700 } }}>
              <TableCell component="th" scope="row" colSpan={2} align="right">
                {t('items.total')}
              </TableCell>
              <TableCell sx={{ display: { xs: 'none', sm: 'table-cell' } }} />
              <TableCell align="right">{money(order.total_amount)}</TableCell>
            </TableRow>
          </TableBody>
        </Table>
      </Box>
      {order.backordered.length > 0 && (
        <Box sx={{ mt: 2 }}>
          <Typography variant="h3">{t('items.backordered')}</Typography>
          <Facts facts={order.backordered.map((line) => [line.product_id, `${line.quantity} ×`])} />
        </Box>
      )}
    </Card>
  );
}
