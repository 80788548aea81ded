import { api, told } from '../../../api/client';
import { Problem } from '../../../api/problem';
import type { components } from '../../../api/schema/inventory';
import { useWords } from '../../../words/words';
import { Ask } from '../kit/Ask';
import { Choice } from '../kit/Choice';
import { Field } from '../kit/Field';
import { NumberField } from '../kit/NumberField';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';
import { WarehouseChoice } from '../kit/WarehouseChoice';
import type { Stock } from './StockDesk';

type Adjustment = components['schemas']['Adjustment'];
type Kind = NonNullable<Adjustment['kind']>;

const KINDS: Kind[] = ['adjusted', 'received', 'returned', 'written_off'];

/** Set a warehouse's stock right, take in goods, or write them off; a reason is always given. */
export function AdjustAsk({ row, onClose }: { row: Stock; onClose: () => void }) {
  const { t } = useWords();
  const [form, change, clear] = useDraft(`adjust.${row.product_id}.${row.warehouse_id}`, {
    product_id: row.product_id,
    warehouse_id: row.warehouse_id,
    kind: 'adjusted' as Kind,
    units: null as number | null,
    reason: '',
  });
  const adjust = useAct(
    (body: Adjustment, key) => told(api.POST('/api/admin/stock/adjustments', { params: { header: keyed(key) }, body })),
    {
      said: (stock) => t('stock.adjusted', { product: stock.product_id, available: stock.available }),
      stale: ['stock', 'movements', 'stock-audit'],
      done: () => {
        clear();
        onClose();
      },
    },
  );
  const refusal = adjust.error instanceof Problem ? adjust.error : null;
  // People write off 2, not −2; only a correction has a sign of its own.
  const delta = form.units === null ? 0 : form.kind === 'written_off' ? -Math.abs(form.units) : form.units;
  return (
    <Ask
      title={t('stock.adjust_title')}
      submit={t('stock.adjust')}
      busy={adjust.busy}
      disabled={!form.product_id || !form.warehouse_id || !delta || !form.reason.trim()}
      error={adjust.error}
      shown={['product_id', 'warehouse_id', 'delta', 'reason']}
      onSubmit={() =>
        void adjust.run({
          product_id: form.product_id.trim(),
          warehouse_id: form.warehouse_id,
          delta,
          reason: form.reason.trim(),
          kind: form.kind,
        })
      }
      onClose={onClose}
    >
      <Field
        label={t('desks.sku')}
        value={form.product_id}
        set={(product_id) => change({ product_id })}
        fault={refusal?.of('product_id')}
        required
        disabled={Boolean(row.product_id)}
      />
      <WarehouseChoice
        value={form.warehouse_id}
        set={(warehouse_id) => change({ warehouse_id })}
        fault={refusal?.of('warehouse_id')}
        full
      />
      <Choice
        label={t('stock.kind')}
        value={form.kind}
        set={(kind) => change({ kind: kind as Kind })}
        of={KINDS.map((value) => ({ value, label: t(`movement.${value}`) }))}
        full
      />
      <NumberField
        label={t(form.kind === 'adjusted' ? 'stock.delta' : 'stock.units')}
        value={form.units}
        set={(units) => change({ units })}
        fault={refusal?.of('delta')}
        help={t(form.kind === 'adjusted' ? 'stock.delta_help' : 'stock.units_help')}
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
