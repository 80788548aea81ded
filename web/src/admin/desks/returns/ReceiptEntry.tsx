/** Take in a parcel of a return: each unit is fit for sale, damaged, or written off; money goes back unless it is said otherwise. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Checkbox from '@mui/material/Checkbox';
import FormControlLabel from '@mui/material/FormControlLabel';
import Typography from '@mui/material/Typography';
import { useState } from 'react';
import { api, newIntention, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { Part } from '../kit/Desk';
import { Field } from '../kit/Field';
import { Refusal } from '../kit/Refusal';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';
import { WarehouseChoice } from '../kit/WarehouseChoice';
import { awaited, DISPOSITIONS, place, type ReceiptForm, type Return, readReceipt } from './receipt';

type Body = { receipt_id: string; warehouse_id: string; lines: ReturnType<typeof readReceipt>['lines'] };

export function ReceiptEntry({ back }: { back: Return }) {
  const { t } = useWords();
  const { order_id, return_id } = back;
  const blank: ReceiptForm = { receipt_id: newIntention(), warehouse_id: back.warehouse_id, counts: {}, unpaid: {} };
  const [form, change, clear] = useDraft(`receipt.${return_id}`, blank);
  const [checked, setChecked] = useState(false);
  const receive = useAct(
    (body: Body, key) =>
      told(
        api.POST('/api/admin/orders/{order_id}/returns/{return_id}/receive', {
          params: { path: { order_id, return_id }, header: keyed(key) },
          body,
        }),
      ),
    {
      said: () => t('returns.received'),
      stale: ['returns', 'refunds'],
      done: () => {
        clear();
        change({ ...blank, receipt_id: newIntention() });
        setChecked(false);
      },
    },
  );
  const { lines, faults } = readReceipt(back.lines, form);
  const fault = (item_id: string): string | undefined => {
    const found = checked ? faults.find((one) => one.item_id === item_id) : undefined;
    if (!found) return undefined;
    return found.kind === 'number' ? t('returns.fault_number') : t('returns.fault_many', { smart_count: found.most });
  };
  const open = back.lines.filter((line) => awaited(line) > 0);
  const units = lines.reduce((sum, line) => sum + line.quantity, 0);
  const allFit = () =>
    change({ counts: Object.fromEntries(open.map((line) => [place(line.item_id, 'restock'), String(awaited(line))])) });
  const take = () => {
    setChecked(true);
    if (!faults.length && lines.length) {
      void receive.run({ receipt_id: form.receipt_id, warehouse_id: form.warehouse_id, lines });
    }
  };
  return (
    <Part
      title={t('returns.take_in')}
      actions={
        <Button onClick={allFit} variant="outlined">
          {t('returns.all_fit')}
        </Button>
      }
    >
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          take();
        }}
      >
        <Refusal error={receive.error} />
        <Box sx={{ maxWidth: 320, mb: 2 }}>
          <WarehouseChoice value={form.warehouse_id} set={(warehouse_id) => change({ warehouse_id })} full />
        </Box>
        {open.map((line) => (
          <Box component="fieldset" key={line.item_id} sx={{ border: 0, p: 0, m: 0, mb: 2.5, minWidth: 0 }}>
            <Typography component="legend" sx={{ fontWeight: 600, mb: 1 }}>
              {line.product_id} · {t('returns.awaited', { smart_count: awaited(line) })}
            </Typography>
            <Box
              sx={{
                display: 'grid',
                gap: 1.5,
                gridTemplateColumns: { xs: '1fr', sm: 'repeat(3, minmax(0, 1fr))' },
                maxWidth: 720,
              }}
            >
              {DISPOSITIONS.map((disposition) => {
                const at = place(line.item_id, disposition);
                return (
                  <div key={at}>
                    <Field
                      label={t(`disposition.${disposition}`)}
                      value={form.counts[at] ?? ''}
                      set={(count) => change({ counts: { ...form.counts, [at]: count } })}
                      fault={fault(line.item_id)}
                      placeholder="0"
                      slotProps={{ htmlInput: { inputMode: 'numeric', maxLength: 3 }, inputLabel: { shrink: true } }}
                    />
                    {Number(form.counts[at]) > 0 ? (
                      <FormControlLabel
                        control={
                          <Checkbox
                            checked={!form.unpaid[at]}
                            onChange={(event) => change({ unpaid: { ...form.unpaid, [at]: !event.target.checked } })}
                          />
                        }
                        label={t('returns.pays')}
                      />
                    ) : null}
                  </div>
                );
              })}
            </Box>
          </Box>
        ))}
        <Box sx={{ display: 'flex', gap: 2, alignItems: 'center', flexWrap: 'wrap' }}>
          <Button type="submit" variant="contained" size="large" loading={receive.busy}>
            {t('returns.take', { smart_count: units })}
          </Button>
          {checked && !lines.length ? (
            <Typography color="error" role="alert">
              {t('returns.nothing_typed')}
            </Typography>
          ) : null}
        </Box>
      </form>
    </Part>
  );
}
