import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import { useQuery } from '@tanstack/react-query';
import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Part } from '../kit/Desk';
import { Refusal } from '../kit/Refusal';
import { Rows } from '../kit/Rows';
import { Amount, OrderRef } from '../kit/refs';

/** Whether the money's books are sound; asked for, as all of them are read. */
export function LedgerAudit() {
  const { t } = useWords();
  const sees = useMay('finance', 'auditor');
  const audit = useQuery({
    queryKey: ['payments-audit'],
    queryFn: () => told(api.GET('/api/admin/payments/audit')),
    enabled: false,
    retry: false,
  });
  if (!sees) return null;
  const { data } = audit;
  return (
    <Part
      title={t('audit.ledger_title')}
      actions={
        <Button variant="outlined" onClick={() => void audit.refetch()} loading={audit.isFetching}>
          {t('audit.run')}
        </Button>
      }
    >
      <Refusal error={audit.error} />
      <div aria-live="polite">
        {data ? (
          <Alert severity={data.clean ? 'success' : 'error'} sx={{ mb: 2 }} role={data.clean ? 'status' : 'alert'}>
            {t(data.clean ? 'audit.ledger_sound' : 'audit.ledger_broken', { smart_count: data.violations.length })}
            {data.violations.map((violation) => (
              <div key={violation.rule}>
                {violation.rule.replaceAll('_', ' ')} ({violation.count}){' '}
                {violation.order_ids.slice(0, 5).map((id) => (
                  <span key={id}>
                    <OrderRef id={id} />{' '}
                  </span>
                ))}
              </div>
            ))}
          </Alert>
        ) : null}
      </div>
      {data ? (
        <Rows
          caption={t('audit.accounts')}
          pages={{ rows: data.accounts, error: null, loading: false }}
          rowKey={(row) => `${row.account} ${row.currency}`}
          empty={t('desks.none')}
          columns={[
            { name: 'account', label: t('audit.account'), cell: (row) => row.account.replaceAll('_', ' ') },
            {
              name: 'balance',
              label: t('audit.balance'),
              numeric: true,
              cell: (row) => <Amount of={{ amount: row.balance, currency: row.currency }} />,
            },
          ]}
        />
      ) : null}
    </Part>
  );
}
