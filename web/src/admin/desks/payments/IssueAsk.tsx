import Alert from '@mui/material/Alert';
import Typography from '@mui/material/Typography';
import { useState } from 'react';
import { api, told } from '../../../api/client';
import { Problem } from '../../../api/problem';
import type { components } from '../../../api/schema/payment';
import { useWords } from '../../../words/words';
import { Ask } from '../kit/Ask';
import { Field } from '../kit/Field';
import { MoneyField } from '../kit/MoneyField';
import { keyed, useAct } from '../kit/useAct';
import { useShopCurrency } from '../kit/useShopCurrency';

type Body = components['schemas']['GiftCardBody'];

/** Issue a gift card; its code is shown once, and nowhere again. */
export function IssueAsk({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  const currency = useShopCurrency();
  const [amount, setAmount] = useState<number | null>(null);
  const [until, setUntil] = useState('');
  const [code, setCode] = useState<string | null | undefined>(undefined);
  const issue = useAct((body: Body, key) => told(api.POST('/api/admin/gift-cards', { params: { header: keyed(key) }, body })), {
    said: () => t('gift_cards.issued'),
    stale: ['gift-cards'],
    done: (card) => setCode(card.code),
  });
  const refusal = issue.error instanceof Problem ? issue.error : null;
  if (code !== undefined) {
    return (
      <Ask title={t('gift_cards.issued')} submit={t('desks.ok')} onSubmit={onClose} onClose={onClose}>
        <Alert severity={code ? 'warning' : 'info'}>{t(code ? 'gift_cards.once' : 'gift_cards.told_before')}</Alert>
        {code ? (
          <Typography sx={{ fontFamily: 'monospace', fontSize: '1.5rem', userSelect: 'all', overflowWrap: 'anywhere' }}>
            {code}
          </Typography>
        ) : null}
      </Ask>
    );
  }
  return (
    <Ask
      title={t('gift_cards.issue')}
      submit={t('gift_cards.issue')}
      busy={issue.busy}
      disabled={!amount}
      error={issue.error}
      shown={['amount.amount', 'expires_at']}
      onSubmit={() =>
        void issue.run({
          amount: { amount: amount ?? 0, currency },
          expires_at: until ? `${until}T23:59:59Z` : null,
        })
      }
      onClose={onClose}
    >
      <MoneyField
        label={t('gift_cards.amount')}
        value={amount}
        currency={currency}
        set={setAmount}
        fault={refusal?.of('amount.amount')}
        required
      />
      <Field
        label={t('gift_cards.until')}
        type="date"
        value={until}
        set={setUntil}
        fault={refusal?.of('expires_at')}
        help={t('gift_cards.until_help')}
        slotProps={{ inputLabel: { shrink: true } }}
      />
    </Ask>
  );
}
