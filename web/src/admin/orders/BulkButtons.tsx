import Button from '@mui/material/Button';
import { useState } from 'react';
import { useListContext } from 'react-admin';
import { useWords } from '../../words/words';
import { useMay } from '../roles';
import { BulkDialog } from './BulkDialog';
import { BULK_ACTIONS, type BulkAction } from './bulk';
import type { OrderRow } from './source';

/** What can be done to the orders that are selected. */
export function BulkButtons() {
  const { t } = useWords();
  const { data = [], selectedIds } = useListContext<OrderRow & { id: string }>();
  const [chosen, setChosen] = useState<{ action: BulkAction; orders: OrderRow[] } | null>(null);
  const mayShip = useMay('support', 'warehouse');
  if (!mayShip) return null;
  const orders = data.filter((order) => selectedIds.includes(order.id));
  return (
    <>
      {BULK_ACTIONS.map((action) => (
        <Button
          key={action}
          size="small"
          color={action === 'cancel' ? 'error' : 'primary'}
          aria-haspopup="dialog"
          onClick={() => setChosen({ action, orders })}
        >
          {t(`bulk.${action}`)}
        </Button>
      ))}
      {chosen && <BulkDialog {...chosen} onClose={() => setChosen(null)} />}
    </>
  );
}
