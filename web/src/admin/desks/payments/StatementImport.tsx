/** A bank statement is taken over: what matches is booked, what does not is listed with why. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useState } from 'react';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/payment';
import { useWords } from '../../../words/words';
import { Part } from '../kit/Desk';
import { FileField } from '../kit/FileField';
import { Refusal } from '../kit/Refusal';
import { Rows } from '../kit/Rows';
import { Amount, OrderRef } from '../kit/refs';
import { keyed, useAct } from '../kit/useAct';

type Statement = components['schemas']['StatementView'];

export function StatementImport() {
  const { t } = useWords();
  const [file, setFile] = useState<{ name: string; text: string } | null>(null);
  const [taken, setTaken] = useState<Statement | null>(null);
  const take = useAct(
    (body: string, key) =>
      told(
        api.POST('/api/admin/transfers/statements', {
          params: { header: keyed(key) },
          body,
          bodySerializer: (text) => text,
          headers: { 'Content-Type': 'text/csv' },
        }),
      ),
    {
      stale: ['transfers'],
      done: (statement) => {
        setFile(null);
        setTaken(statement);
      },
    },
  );
  return (
    <Part title={t('statements.title')}>
      <Refusal error={take.error} />
      <Box sx={{ display: 'flex', gap: 2, flexWrap: 'wrap', alignItems: 'flex-start', mb: 2 }}>
        <FileField
          label={t('stocktake.choose')}
          help={t('statements.columns')}
          name={file?.name ?? null}
          set={(next) => {
            take.forget();
            setTaken(null);
            setFile(next);
          }}
        />
        <Button
          variant="contained"
          disabled={!file}
          loading={take.busy}
          onClick={() => {
            if (file) void take.run(file.text);
          }}
        >
          {t('settlements.take')}
        </Button>
      </Box>
      <div aria-live="polite">
        {taken ? (
          <Alert severity={taken.differences.length ? 'warning' : 'success'} sx={{ mb: 2 }}>
            {t('statements.became', {
              rows: taken.rows,
              recorded: taken.recorded,
              known: taken.known,
              smart_count: taken.differences.length,
            })}
          </Alert>
        ) : null}
      </div>
      {taken?.differences.length ? (
        <Rows
          caption={t('settlements.differences')}
          pages={{ rows: taken.differences, error: null, loading: false }}
          rowKey={(one) => `${one.line} ${one.kind}`}
          empty=""
          columns={[
            { name: 'line', label: t('stocktake.line'), numeric: true, cell: (one) => one.line },
            { name: 'kind', label: t('settlements.difference'), cell: (one) => t(`statement.${one.kind}`) },
            { name: 'reference', label: t('transfers.reference'), cell: (one) => one.reference ?? '–' },
            { name: 'bank', label: t('transfers.bank_reference'), cell: (one) => one.bank_reference },
            { name: 'amount', label: t('desks.amount'), numeric: true, cell: (one) => <Amount of={one.amount} /> },
            {
              name: 'open',
              label: t('statements.open'),
              numeric: true,
              cell: (one) => (one.open ? <Amount of={one.open} /> : '–'),
            },
            { name: 'order', label: t('desks.order'), cell: (one) => (one.order_id ? <OrderRef id={one.order_id} /> : '–') },
          ]}
        />
      ) : null}
    </Part>
  );
}
