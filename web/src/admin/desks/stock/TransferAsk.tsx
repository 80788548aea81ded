import { api, told } from '../../../api/client';
import { Problem } from '../../../api/problem';
import type { components } from '../../../api/schema/inventory';
import { useWords } from '../../../words/words';
import { Ask } from '../kit/Ask';
import { Field } from '../kit/Field';
import { NumberField } from '../kit/NumberField';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';
import { WarehouseChoice } from '../kit/WarehouseChoice';
import type { Stock } from './StockDesk';

type Transfer = components['schemas']['Transfer'];

/** Carry units from one warehouse to another. */
export function TransferAsk({ row, onClose }: { row: Stock; onClose: () => void }) {
  const { t } = useWords();
  const [form, change, clear] = useDraft(`transfer.${row.product_id}.${row.warehouse_id}`, {
    to: '',
    quantity: null as number | null,
    reason: '',
  });
  const carry = useAct(
    (body: Transfer, key) => told(api.POST('/api/admin/stock/transfers', { params: { header: keyed(key) }, body })),
    {
      said: () => t('stock.transferred'),
      stale: ['stock', 'movements'],
      done: () => {
        clear();
        onClose();
      },
    },
  );
  const refusal = carry.error instanceof Problem ? carry.error : null;
  return (
    <Ask
      title={t('stock.transfer_title', { product: row.product_id, from: row.warehouse_id })}
      submit={t('stock.transfer')}
      busy={carry.busy}
      disabled={!form.to || !form.quantity || !form.reason.trim()}
      error={carry.error}
      shown={['to', 'quantity', 'reason']}
      onSubmit={() =>
        void carry.run({
          product_id: row.product_id,
          from: row.warehouse_id,
          to: form.to,
          quantity: form.quantity ?? 0,
          reason: form.reason.trim(),
        })
      }
      onClose={onClose}
    >
      <WarehouseChoice label={t('stock.to')} value={form.to} set={(to) => change({ to })} fault={refusal?.of('to')} full />
      <NumberField
        label={t('stock.units')}
        value={form.quantity}
        set={(quantity) => change({ quantity })}
        fault={refusal?.of('quantity')}
        help={t('stock.at_most', { smart_count: row.available })}
        required
      />
      <Field
        label={t('desks.reason')}
        value={form.reason}
        set={(reason) => change({ reason })}
        fault={refusal?.of('reason')}
        required
        slotProps={{ htmlInput: { maxLength: 200 } }}
      />
    </Ask>
  );
}
