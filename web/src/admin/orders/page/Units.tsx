import Box from '@mui/material/Box';
import TextField from '@mui/material/TextField';
import { useWords } from '../../../words/words';
import type { Values } from '../../parts/useDraft';
import { unitsField } from './units';
import type { Order } from './useOrder';

interface Props {
  lines: readonly { item_id: string; product_id: string; quantity: number }[];
  order: Order;
  values: Values;
  onChange: (field: string, value: string) => void;
}

/** Asks for a number of units of each line. */
export function Units({ lines, order, values, onChange }: Props) {
  const { t } = useWords();
  const names = new Map(order.items.map((item) => [item.item_id, item.name]));
  return (
    <Box role="group" aria-label={t('units.title')} sx={{ display: 'grid', gap: 1.5 }}>
      {lines.map((line) => {
        const field = unitsField(line.item_id);
        return (
          <TextField
            key={line.item_id}
            type="number"
            label={t('units.of', { name: names.get(line.item_id) ?? line.product_id, most: line.quantity })}
            value={values[field] ?? '0'}
            onChange={(event) => onChange(field, event.target.value)}
            slotProps={{ htmlInput: { min: 0, max: line.quantity, inputMode: 'numeric' } }}
          />
        );
      })}
    </Box>
  );
}
