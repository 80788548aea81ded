/** Invoices and credit notes, and whether their series are whole and unchanged. */
import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import { useQuery } from '@tanstack/react-query';
import { useNotify } from 'react-admin';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/order';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Choice } from '../kit/Choice';
import { Bar, Desk, Part } from '../kit/Desk';
import { openPaper } from '../kit/document';
import { Field } from '../kit/Field';
import { LookFor } from '../kit/LookFor';
import { Refusal } from '../kit/Refusal';
import { Rows } from '../kit/Rows';
import { Amount, Moment, OrderRef } from '../kit/refs';
import { useChoice } from '../kit/useChoice';
import { usePages } from '../kit/usePages';

type Kind = components['schemas']['DocumentKind'];

export function DocumentsDesk() {
  const { t } = useWords();
  const say = useProblemText();
  const notify = useNotify();
  const [kind, setKind] = useChoice('kind');
  const [order, setOrder] = useChoice('order');
  const [from, setFrom] = useChoice('from');
  const [to, setTo] = useChoice('to');
  const pages = usePages(['documents', kind, order, from, to], (cursor) =>
    told(
      api.GET('/api/admin/documents', {
        params: {
          query: {
            kind: (kind || null) as Kind | null,
            order_id: order || null,
            issued_from: from || null,
            issued_to: to || null,
            cursor: cursor ?? null,
          },
        },
      }),
    ),
  );
  const open = (order_id: string, document_id: string) =>
    openPaper(`/api/orders/${order_id}/documents/${document_id}`).catch((error) =>
      notify(say(error), { type: 'error', messageArgs: { _: say(error) } }),
    );
  return (
    <Desk title={t('documents.title')} intro={t('documents.intro')}>
      <Part>
        <Bar label={t('desks.filters')}>
          <LookFor label={t('payments.order_id')} value={order} set={setOrder} />
          <Choice
            label={t('documents.kind')}
            value={kind}
            set={setKind}
            of={['', 'invoice', 'credit_note'].map((value) => ({
              value,
              label: value ? t(`document.${value}`) : t('desks.all'),
            }))}
          />
          <Field
            label={t('documents.from')}
            type="date"
            value={from}
            set={setFrom}
            fullWidth={false}
            slotProps={{ inputLabel: { shrink: true } }}
          />
          <Field
            label={t('documents.to')}
            type="date"
            value={to}
            set={setTo}
            fullWidth={false}
            slotProps={{ inputLabel: { shrink: true } }}
          />
        </Bar>
        <Rows
          caption={t('documents.title')}
          pages={pages}
          rowKey={(row) => row.document_id}
          empty={t('desks.none')}
          columns={[
            { name: 'number', label: t('documents.number'), cell: (row) => row.number },
            { name: 'kind', label: t('documents.kind'), cell: (row) => t(`document.${row.kind}`) },
            { name: 'order', label: t('desks.order'), cell: (row) => <OrderRef id={row.order_id} /> },
            { name: 'at', label: t('documents.issued'), cell: (row) => <Moment at={row.issued_at} day /> },
            { name: 'tax', label: t('documents.tax'), numeric: true, cell: (row) => <Amount of={row.tax_amount} /> },
            { name: 'total', label: t('desks.total'), numeric: true, cell: (row) => <Amount of={row.total_amount} /> },
            {
              name: 'actions',
              label: t('desks.actions'),
              actions: true,
              cell: (row) => (
                <Button
                  onClick={() => void open(row.order_id, row.document_id)}
                  aria-label={`${t('documents.open')}: ${row.number}`}
                >
                  {t('documents.open')}
                </Button>
              ),
            },
          ]}
        />
      </Part>
      <SeriesAudit />
    </Desk>
  );
}

function SeriesAudit() {
  const { t } = useWords();
  const sees = useMay('finance', 'auditor');
  const audit = useQuery({
    queryKey: ['documents-audit'],
    queryFn: () => told(api.GET('/api/admin/documents/audit', { params: { query: {} } })),
    enabled: false,
    retry: false,
  });
  if (!sees) return null;
  const { data } = audit;
  return (
    <Part
      title={t('audit.documents')}
      actions={
        <Button variant="outlined" onClick={() => void audit.refetch()} loading={audit.isFetching}>
          {t('audit.run')}
        </Button>
      }
    >
      <Refusal error={audit.error} />
      <div aria-live="polite">
        {data ? (
          <Alert severity={data.sound ? 'success' : 'error'} sx={{ mb: 2 }} role={data.sound ? 'status' : 'alert'}>
            {t(data.sound ? 'audit.documents_sound' : 'audit.documents_broken')}
          </Alert>
        ) : null}
      </div>
      {data ? (
        <Rows
          caption={t('audit.documents')}
          pages={{ rows: data.series, error: null, loading: false }}
          rowKey={(row) => row.series}
          empty={t('desks.none')}
          columns={[
            { name: 'series', label: t('documents.series'), cell: (row) => row.series },
            { name: 'documents', label: t('documents.count'), numeric: true, cell: (row) => row.documents },
            { name: 'last', label: t('documents.last'), numeric: true, cell: (row) => row.last_number },
            { name: 'missing', label: t('documents.missing'), cell: (row) => row.missing.join(', ') || '–' },
            { name: 'broken', label: t('documents.broken'), cell: (row) => row.broken.join(', ') || '–' },
            {
              name: 'totals',
              label: t('desks.total'),
              numeric: true,
              cell: (row) => (
                <div>
                  {row.totals.map((total) => (
                    <div key={total.total_amount.currency}>
                      <Amount of={total.total_amount} />
                    </div>
                  ))}
                </div>
              ),
            },
          ]}
        />
      ) : null}
    </Part>
  );
}
