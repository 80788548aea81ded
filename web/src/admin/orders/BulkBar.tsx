import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useState } from 'react';
import { useListContext } from 'react-admin';
import { useWords } from '../../words/words';
import { useMay } from '../roles';
import { BulkDialog } from './BulkDialog';
import { BULK_ACTIONS, type BulkAction } from './bulk';
import type { OrderRow } from './source';

/** What can be done to the orders that are selected; there once one is. */
export function BulkBar() {
  const { t } = useWords();
  const { data = [], selectedIds, onUnselectItems } = useListContext<OrderRow & { id: string }>();
  const [chosen, setChosen] = useState<{ action: BulkAction; orders: OrderRow[] } | null>(null);
  const mayAct = useMay('support', 'warehouse');
  if (!mayAct || (selectedIds.length === 0 && !chosen)) return null;
  const orders = data.filter((order) => selectedIds.includes(order.id));
  return (
    <Box
      role="group"
      aria-label={t('bulk.title')}
      sx={{
        position: 'sticky',
        top: 48,
        zIndex: 3,
        display: 'flex',
        flexWrap: 'wrap',
        alignItems: 'center',
        gap: 1,
        p: 1,
        bgcolor: 'background.paper',
        borderBottom: 1,
        borderColor: 'divider',
      }}
    >
      <Box component="span" role="status" sx={{ fontWeight: 650, px: 1 }}>
        {t('ra.action.bulk_actions', { smart_count: orders.length })}
      </Box>
      {BULK_ACTIONS.map((action) => (
        <Button
          key={action}
          size="small"
          variant="outlined"
          color={action === 'cancel' ? 'error' : 'primary'}
          aria-haspopup="dialog"
          onClick={() => setChosen({ action, orders })}
        >
          {t(`bulk.${action}`)}
        </Button>
      ))}
      <Button size="small" color="inherit" onClick={() => onUnselectItems()}>
        {t('ra.action.unselect')}
      </Button>
      {chosen && <BulkDialog {...chosen} onClose={() => setChosen(null)} />}
    </Box>
  );
}
