/** Bank transfers: what was asked for, what came, and what is to be paid back. */
import Button from '@mui/material/Button';
import { useState } from 'react';
import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Choice } from '../kit/Choice';
import { Bar, Desk, Part } from '../kit/Desk';
import { Mark } from '../kit/Mark';
import { Rows } from '../kit/Rows';
import { Amount, Moment, OrderRef } from '../kit/refs';
import { useChoice } from '../kit/useChoice';
import { usePages } from '../kit/usePages';
import { StatementImport } from './StatementImport';
import { TransferEntry } from './TransferEntry';

export function TransfersDesk() {
  const { t } = useWords();
  const enters = useMay('finance');
  const [which, setWhich] = useChoice('which');
  const [reference, setReference] = useState<{ reference: string; back: boolean } | null>(null);
  const pages = usePages(['transfers', which], (cursor) =>
    told(api.GET('/api/admin/transfers', { params: { query: { surplus: which === 'surplus', cursor: cursor ?? null } } })),
  );
  return (
    <Desk
      title={t('transfers.title')}
      intro={t('transfers.intro')}
      actions={
        enters ? (
          <Button variant="contained" onClick={() => setReference({ reference: '', back: false })}>
            {t('transfers.enter')}
          </Button>
        ) : null
      }
    >
      <Part>
        <Bar label={t('desks.filters')}>
          <Choice
            label={t('transfers.which')}
            value={which}
            set={setWhich}
            of={[
              { value: '', label: t('desks.all') },
              { value: 'surplus', label: t('transfers.surplus') },
            ]}
          />
        </Bar>
        <Rows
          caption={t('transfers.title')}
          pages={pages}
          rowKey={(row) => row.reference}
          empty={t('desks.none')}
          columns={[
            { name: 'reference', label: t('transfers.reference'), cell: (row) => <code>{row.reference}</code> },
            { name: 'order', label: t('desks.order'), cell: (row) => <OrderRef id={row.order_id} /> },
            { name: 'state', label: t('desks.state'), cell: (row) => <Mark of={row.state} kind="transfer" /> },
            { name: 'amount', label: t('transfers.asked'), numeric: true, cell: (row) => <Amount of={row.amount} /> },
            { name: 'received', label: t('transfers.received'), numeric: true, cell: (row) => <Amount of={row.received} /> },
            { name: 'back', label: t('transfers.to_pay_back'), numeric: true, cell: (row) => <Amount of={row.to_pay_back} /> },
            { name: 'at', label: t('desks.at'), cell: (row) => <Moment at={row.created_at} /> },
            {
              name: 'actions',
              label: t('desks.actions'),
              actions: true,
              cell: (row) =>
                enters ? (
                  <Button
                    onClick={() => setReference({ reference: row.reference, back: row.to_pay_back.amount > 0 })}
                    aria-label={`${t(row.to_pay_back.amount > 0 ? 'transfers.sent_back' : 'transfers.enter')}: ${row.reference}`}
                  >
                    {t(row.to_pay_back.amount > 0 ? 'transfers.sent_back' : 'transfers.enter')}
                  </Button>
                ) : null,
            },
          ]}
        />
      </Part>
      {enters ? <StatementImport /> : null}
      {reference ? <TransferEntry {...reference} onClose={() => setReference(null)} /> : null}
    </Desk>
  );
}
