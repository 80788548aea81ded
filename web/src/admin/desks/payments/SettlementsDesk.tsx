/** Settlements of the PSP: a file is taken over once, whole or not at all, and shown beside the books. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Desk, Part } from '../kit/Desk';
import { FileField } from '../kit/FileField';
import { LookFor } from '../kit/LookFor';
import { Refusal } from '../kit/Refusal';
import { Rows, Waiting } from '../kit/Rows';
import { Amount, Moment, OrderRef } from '../kit/refs';
import { keyed, useAct } from '../kit/useAct';
import { useChoice } from '../kit/useChoice';

export function SettlementsDesk() {
  const { t } = useWords();
  const imports = useMay('finance');
  const [id, setId] = useChoice('settlement');
  const [file, setFile] = useState<{ name: string; text: string } | null>(null);
  const take = useAct(
    (body: string, key) =>
      told(
        api.POST('/api/admin/settlements', {
          params: { header: keyed(key) },
          body,
          bodySerializer: (text) => text,
          headers: { 'Content-Type': 'text/csv' },
        }),
      ),
    {
      said: () => t('settlements.taken'),
      done: (taken) => {
        setFile(null);
        setId(taken.settlement_id);
      },
    },
  );
  return (
    <Desk title={t('settlements.title')} intro={t('settlements.intro')}>
      {imports ? (
        <Part title={t('settlements.import')}>
          <Refusal error={take.error} />
          <Box sx={{ display: 'flex', gap: 2, flexWrap: 'wrap', alignItems: 'flex-start' }}>
            <FileField
              label={t('stocktake.choose')}
              help={t('settlements.columns')}
              name={file?.name ?? null}
              set={(next) => {
                take.forget();
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
        </Part>
      ) : null}
      <Part title={t('settlements.one')}>
        <LookFor label={t('settlements.id')} value={id} set={setId} />
        {id ? <Settlement id={id} /> : null}
      </Part>
    </Desk>
  );
}

function Settlement({ id }: { id: string }) {
  const { t } = useWords();
  const found = useQuery({
    queryKey: ['settlements', id],
    queryFn: () => told(api.GET('/api/admin/settlements/{settlement_id}', { params: { path: { settlement_id: id } } })),
    retry: false,
  });
  const { data } = found;
  if (found.isPending) return <Waiting />;
  if (!data) return <Refusal error={found.error} again={() => void found.refetch()} />;
  return (
    <Box sx={{ mt: 2 }} aria-live="polite">
      <Alert severity={data.differences.length ? 'warning' : 'success'} sx={{ mb: 2 }}>
        {t(data.differences.length ? 'settlements.differ' : 'settlements.agree', {
          rows: data.rows,
          smart_count: data.differences.length,
        })}{' '}
        <Moment at={data.imported_at} /> · {data.imported_by}
      </Alert>
      <Rows
        caption={t('settlements.sums')}
        pages={{ rows: data.sums, error: null, loading: false }}
        rowKey={(sum) => sum.currency}
        empty=""
        columns={[
          { name: 'currency', label: t('settlements.currency'), cell: (sum) => sum.currency },
          { name: 'rows', label: t('settlements.rows'), numeric: true, cell: (sum) => sum.rows },
          { name: 'matched', label: t('settlements.matched'), numeric: true, cell: (sum) => sum.matched },
          {
            name: 'gross',
            label: t('settlements.gross'),
            numeric: true,
            cell: (sum) => <Amount of={{ amount: sum.gross, currency: sum.currency }} />,
          },
          {
            name: 'fee',
            label: t('settlements.fee'),
            numeric: true,
            cell: (sum) => <Amount of={{ amount: sum.fee, currency: sum.currency }} />,
          },
          {
            name: 'net',
            label: t('settlements.net'),
            numeric: true,
            cell: (sum) => <Amount of={{ amount: sum.net, currency: sum.currency }} />,
          },
        ]}
      />
      {data.differences.length ? (
        <Box sx={{ mt: 3 }}>
          <Rows
            caption={t('settlements.differences')}
            pages={{ rows: data.differences, error: null, loading: false }}
            rowKey={(one) => `${one.kind} ${one.type} ${one.reference} ${one.line}`}
            empty=""
            columns={[
              { name: 'line', label: t('stocktake.line'), numeric: true, cell: (one) => one.line ?? '–' },
              { name: 'kind', label: t('settlements.difference'), cell: (one) => t(`difference.${one.kind}`) },
              { name: 'type', label: t('settlements.type'), cell: (one) => one.type },
              { name: 'reference', label: t('settlements.reference'), cell: (one) => one.reference },
              {
                name: 'here',
                label: t('settlements.here'),
                numeric: true,
                cell: (one) => (one.here ? <Amount of={one.here} /> : '–'),
              },
              {
                name: 'there',
                label: t('settlements.there'),
                numeric: true,
                cell: (one) => (one.there ? <Amount of={one.there} /> : '–'),
              },
              { name: 'order', label: t('desks.order'), cell: (one) => (one.order_id ? <OrderRef id={one.order_id} /> : '–') },
            ]}
          />
        </Box>
      ) : null}
    </Box>
  );
}
