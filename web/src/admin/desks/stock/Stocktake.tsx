/** A stocktake: counts that are typed, or a file; first what would become of each row, then it is done. */
import Add from '@mui/icons-material/Add';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Tab from '@mui/material/Tab';
import Tabs from '@mui/material/Tabs';
import Typography from '@mui/material/Typography';
import { useState } from 'react';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/inventory';
import { useWords } from '../../../words/words';
import { Desk, Part } from '../kit/Desk';
import { Field } from '../kit/Field';
import { FileField } from '../kit/FileField';
import { Mark } from '../kit/Mark';
import { Refusal } from '../kit/Refusal';
import { Rows } from '../kit/Rows';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';
import { WarehouseChoice } from '../kit/WarehouseChoice';
import { BLANK, type Counted, csvOf } from './countedRows';

type Taken = components['schemas']['StocktakeView'];

const BEGIN: Counted[] = [BLANK, BLANK, BLANK];

export function Stocktake() {
  const { t } = useWords();
  const [way, setWay] = useState<'typed' | 'file'>('typed');
  const [form, change, clear] = useDraft('stocktake', { warehouse_id: '', rows: BEGIN });
  const [file, setFile] = useState<{ name: string; text: string } | null>(null);
  const [result, setResult] = useState<Taken | null>(null);
  const csv = way === 'typed' ? csvOf(form.warehouse_id, form.rows) : (file?.text ?? '');
  const take = useAct(
    ({ body, dry_run }: { body: string; dry_run: boolean }, key) =>
      told(
        api.POST('/api/admin/stock/stocktakes', {
          params: { query: { dry_run }, header: keyed(key) },
          body,
          bodySerializer: (text) => text,
          headers: { 'Content-Type': 'text/csv' },
        }),
      ),
    {
      said: (taken) => (taken.dry_run ? '' : t('stocktake.done', { smart_count: taken.counts.counted })),
      stale: ['stock', 'movements'],
      done: (taken) => {
        setResult(taken);
        if (!taken.dry_run && taken.counts.refused === 0) {
          clear();
          setFile(null);
        }
      },
    },
  );
  const ready =
    way === 'file' ? file !== null : form.warehouse_id !== '' && form.rows.some((row) => row.product_id && row.counted);
  const setRow = (place: number, row: Partial<Counted>) => {
    setResult(null);
    change({ rows: form.rows.map((one, other) => (other === place ? { ...one, ...row } : one)) });
  };
  return (
    <Desk title={t('stocktake.title')} intro={t('stocktake.intro')}>
      <Part>
        <Tabs
          value={way}
          onChange={(_, next) => {
            setResult(null);
            setWay(next);
          }}
          aria-label={t('stocktake.way')}
          sx={{ mb: 2 }}
        >
          <Tab value="typed" label={t('stocktake.typed')} />
          <Tab value="file" label={t('stocktake.file')} />
        </Tabs>
        {way === 'typed' ? (
          <>
            <Box sx={{ maxWidth: 320, mb: 2 }}>
              <WarehouseChoice value={form.warehouse_id} set={(warehouse_id) => change({ warehouse_id })} full />
            </Box>
            {form.rows.map((row, place) => (
              <Box
                // biome-ignore lint/suspicious/noArrayIndexKey: rows have no name but their place
                key={place}
                role="group"
                aria-label={t('stocktake.row', { row: place + 1 })}
                sx={{ display: 'grid', gap: 1, mb: 1.5, gridTemplateColumns: { xs: '2fr 1fr', sm: '2fr 1fr 2fr' } }}
              >
                <Field label={t('desks.sku')} value={row.product_id} set={(product_id) => setRow(place, { product_id })} />
                <Field
                  label={t('stocktake.counted')}
                  value={row.counted}
                  set={(counted) => setRow(place, { counted })}
                  slotProps={{ htmlInput: { inputMode: 'numeric', maxLength: 10 } }}
                />
                <Box sx={{ gridColumn: { xs: '1 / -1', sm: 'auto' } }}>
                  <Field
                    label={t('stocktake.note')}
                    value={row.note}
                    set={(note) => setRow(place, { note })}
                    slotProps={{ htmlInput: { maxLength: 200 } }}
                  />
                </Box>
              </Box>
            ))}
            <Button startIcon={<Add />} onClick={() => change({ rows: [...form.rows, BLANK] })}>
              {t('stocktake.more')}
            </Button>
          </>
        ) : (
          <FileField
            label={t('stocktake.choose')}
            help={t('stocktake.columns')}
            name={file?.name ?? null}
            set={(next) => {
              setResult(null);
              setFile(next);
            }}
          />
        )}
        <Box sx={{ display: 'flex', gap: 1.5, mt: 3, flexWrap: 'wrap' }}>
          <Button
            variant={result?.dry_run ? 'outlined' : 'contained'}
            disabled={!ready}
            loading={take.busy}
            onClick={() => void take.run({ body: csv, dry_run: true })}
          >
            {t('stocktake.check')}
          </Button>
          {result?.dry_run ? (
            <Button variant="contained" loading={take.busy} onClick={() => void take.run({ body: csv, dry_run: false })}>
              {t('stocktake.book', { smart_count: result.counts.counted })}
            </Button>
          ) : null}
        </Box>
        <Box sx={{ mt: 2 }}>
          <Refusal error={take.error} />
        </Box>
      </Part>
      <div aria-live="polite">
        {result ? (
          <Part title={t(result.dry_run ? 'stocktake.would' : 'stocktake.became')}>
            <Typography sx={{ mb: 1 }}>
              {t('stocktake.sum', {
                counted: result.counts.counted,
                unchanged: result.counts.unchanged,
                refused: result.counts.refused,
              })}
            </Typography>
            <Rows
              caption={t('stocktake.rows')}
              pages={{ rows: result.rows, error: null, loading: false }}
              rowKey={(row) => String(row.row)}
              empty=""
              columns={[
                { name: 'row', label: t('stocktake.line'), numeric: true, cell: (row) => row.row },
                { name: 'sku', label: t('desks.sku'), cell: (row) => row.product_id },
                { name: 'warehouse', label: t('desks.warehouse'), cell: (row) => row.warehouse_id },
                { name: 'before', label: t('stocktake.before'), numeric: true, cell: (row) => row.before ?? '–' },
                { name: 'counted', label: t('stocktake.counted'), numeric: true, cell: (row) => row.counted ?? '–' },
                { name: 'delta', label: t('stocktake.delta'), numeric: true, cell: (row) => row.delta ?? '–' },
                {
                  name: 'outcome',
                  label: t('stocktake.outcome'),
                  cell: (row) => (
                    <div>
                      <Mark of={row.outcome} kind="outcome" /> {row.problem}
                    </div>
                  ),
                },
              ]}
            />
          </Part>
        ) : null}
      </div>
    </Desk>
  );
}
