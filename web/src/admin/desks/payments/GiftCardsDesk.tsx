/** Gift cards: issued here, with a code that is told once; and what became of their balance. */
import Button from '@mui/material/Button';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Ask } from '../kit/Ask';
import { Desk, Part } from '../kit/Desk';
import { Refusal } from '../kit/Refusal';
import { Rows, Waiting } from '../kit/Rows';
import { Amount, Moment, OrderRef } from '../kit/refs';
import { usePages } from '../kit/usePages';
import { IssueAsk } from './IssueAsk';

export function GiftCardsDesk() {
  const { t } = useWords();
  const issues = useMay('finance');
  const [issuing, setIssuing] = useState(false);
  const [opened, setOpened] = useState<string | null>(null);
  const pages = usePages(['gift-cards'], (cursor) =>
    told(api.GET('/api/admin/gift-cards', { params: { query: { cursor: cursor ?? null } } })),
  );
  return (
    <Desk
      title={t('gift_cards.title')}
      intro={t('gift_cards.intro')}
      actions={
        issues ? (
          <Button variant="contained" onClick={() => setIssuing(true)}>
            {t('gift_cards.issue')}
          </Button>
        ) : null
      }
    >
      <Part>
        <Rows
          caption={t('gift_cards.title')}
          pages={pages}
          rowKey={(card) => card.gift_card_id}
          empty={t('gift_cards.none')}
          columns={[
            { name: 'hint', label: t('gift_cards.hint'), cell: (card) => <code>…{card.hint}</code> },
            { name: 'amount', label: t('gift_cards.amount'), numeric: true, cell: (card) => <Amount of={card.amount} /> },
            { name: 'balance', label: t('gift_cards.balance'), numeric: true, cell: (card) => <Amount of={card.balance} /> },
            // The day that was typed when it was issued, wherever it is read.
            {
              name: 'until',
              label: t('gift_cards.until'),
              cell: (card) => <Moment at={card.expires_at?.slice(0, 'YYYY-MM-DD'.length)} day />,
            },
            { name: 'by', label: t('desks.who'), cell: (card) => card.issued_by },
            { name: 'at', label: t('desks.at'), cell: (card) => <Moment at={card.issued_at} /> },
            {
              name: 'actions',
              label: t('desks.actions'),
              actions: true,
              cell: (card) => (
                <Button onClick={() => setOpened(card.gift_card_id)} aria-label={`${t('gift_cards.movements')}: …${card.hint}`}>
                  {t('gift_cards.movements')}
                </Button>
              ),
            },
          ]}
        />
      </Part>
      {issuing ? <IssueAsk onClose={() => setIssuing(false)} /> : null}
      {opened ? <CardMovements id={opened} onClose={() => setOpened(null)} /> : null}
    </Desk>
  );
}

function CardMovements({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useWords();
  const card = useQuery({
    queryKey: ['gift-cards', id],
    queryFn: () => told(api.GET('/api/admin/gift-cards/{gift_card_id}', { params: { path: { gift_card_id: id } } })),
    retry: false,
  });
  return (
    <Ask title={t('gift_cards.movements')} submit={t('desks.ok')} onSubmit={onClose} onClose={onClose} wide>
      <Refusal error={card.error} again={() => void card.refetch()} />
      {card.isPending && !card.error ? <Waiting /> : null}
      {card.data ? (
        <Rows
          caption={t('gift_cards.movements')}
          pages={{ rows: card.data.movements, error: null, loading: false }}
          rowKey={(row) => `${row.at} ${row.kind} ${row.order_id}`}
          empty={t('gift_cards.unused')}
          columns={[
            { name: 'at', label: t('desks.at'), cell: (row) => <Moment at={row.at} /> },
            { name: 'kind', label: t('stock.kind'), cell: (row) => t(`gift_card.${row.kind}`) },
            { name: 'amount', label: t('desks.amount'), numeric: true, cell: (row) => <Amount of={row.amount} /> },
            { name: 'order', label: t('desks.order'), cell: (row) => (row.order_id ? <OrderRef id={row.order_id} /> : '–') },
          ]}
        />
      ) : null}
    </Ask>
  );
}
