/** The risk rules as versioned data: look at any version, change the last one, see what the change would have done, and save it. */

import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import FormControlLabel from '@mui/material/FormControlLabel';
import Switch from '@mui/material/Switch';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, told, toldWithVersion } from '../../../api/client';
import { Problem } from '../../../api/problem';
import type { components } from '../../../api/schema/payment';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Choice } from '../kit/Choice';
import { Bar, Desk, Part } from '../kit/Desk';
import { NumberField } from '../kit/NumberField';
import { Refusal } from '../kit/Refusal';
import { Waiting } from '../kit/Rows';
import { RuleList } from '../kit/RuleList';
import { Moment } from '../kit/refs';
import type { Kinds } from '../kit/rules';
import { isReadable, needed } from '../kit/typed';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';
import { useShopCurrency } from '../kit/useShopCurrency';
import { Backtest } from './Backtest';

type Rules = components['schemas']['RulesBody'];
type Version = components['schemas']['RulesView'];

const BY = ['user', 'ip', 'device', 'email', 'card'] as const;
const POINTS = { name: 'points', as: 'number', usual: 10 } as const;
const KINDS: Kinds = {
  velocity: [
    { name: 'by', as: 'one of', of: BY, usual: 'user' },
    { name: 'of', as: 'one of', of: ['orders', 'declines'], usual: 'orders' },
    { name: 'at_least', as: 'number', usual: 5 },
    { name: 'window_seconds', as: 'number', usual: 3600 },
    POINTS,
  ],
  address_mismatch: [POINTS],
  first_order_above: [{ name: 'amount', as: 'money', usual: 50_000 }, POINTS],
  quantity_above: [{ name: 'units', as: 'number', usual: 20 }, POINTS],
  disposable_mail: [{ name: 'domains', as: 'list' }, POINTS],
  deny_list: [{ name: 'by', as: 'one of', of: BY, usual: 'email' }, { name: 'values', as: 'list' }, POINTS],
  allow_list: [
    { name: 'by', as: 'one of', of: BY, usual: 'email' },
    { name: 'values', as: 'list' },
  ],
};

const bodyOf = ({ rules, review_at, reject_at, shadow }: Version): Rules => ({ rules, review_at, reject_at, shadow });

export function RiskRulesDesk() {
  const { t } = useWords();
  const [version, setVersion] = useState('');
  const last = useQuery({
    queryKey: ['risk-rules', 'last'],
    queryFn: () => toldWithVersion(api.GET('/api/admin/risk-rules', { params: { query: {} } })),
    retry: false,
  });
  const older = useQuery({
    queryKey: ['risk-rules', version],
    queryFn: () => told(api.GET('/api/admin/risk-rules', { params: { query: { version: Number(version) } } })),
    enabled: version !== '',
    retry: false,
  });
  const now = last.data?.data;
  const versions = now ? Array.from({ length: now.version }, (_, place) => String(now.version - place)) : [];
  return (
    <Desk title={t('risk.title')} intro={t('risk.intro')}>
      <Refusal error={last.error ?? older.error} again={() => void last.refetch()} />
      {last.isPending && !last.error ? <Waiting /> : null}
      {now ? (
        <>
          <Bar label={t('risk.version')}>
            <Choice
              label={t('risk.version')}
              value={version || String(now.version)}
              set={(value) => setVersion(value === String(now.version) ? '' : value)}
              of={versions.map((value) => ({ value, label: value }))}
            />
            <span>
              <Moment at={(older.data ?? now).created_at} /> · {(older.data ?? now).actor}
            </span>
          </Bar>
          {version && older.data ? <Editor key={version} rules={older.data} tag={null} then={bodyOf(now)} /> : null}
          {version ? null : <Editor key={`last ${now.version}`} rules={now} tag={last.data?.version ?? null} then={null} />}
        </>
      ) : null}
    </Desk>
  );
}

/** The rules of a version; without a tag they are only looked at, and can be taken up again as a new version. */
function Editor({ rules, tag, then }: { rules: Version; tag: string | null; then: Rules | null }) {
  const { t } = useWords();
  const keeper = useMay('fraud_reviewer');
  const currency = useShopCurrency();
  const [form, change, clear] = useDraft<Rules>(`risk-rules.${rules.version}`, bodyOf(rules));
  const readOnly = !keeper || then !== null;
  const save = useAct(
    (body: Rules, key) =>
      told(api.PUT('/api/admin/risk-rules', { params: { header: { ...keyed(key), 'if-match': tag } }, body })),
    { said: (saved) => t('risk.saved', { version: saved.version }), stale: ['risk-rules'], done: clear },
  );
  const refusal = save.error instanceof Problem ? save.error : null;
  const changed = JSON.stringify(form) !== JSON.stringify(bodyOf(rules));
  return (
    <>
      <Part title={t('risk.thresholds')}>
        <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'repeat(auto-fill, minmax(min(100%, 14rem), 1fr))' }}>
          <NumberField
            label={t('risk.review_at')}
            value={form.review_at ?? null}
            set={(review_at) => change({ review_at: needed(review_at) })}
            fault={refusal?.of('review_at')}
            help={t('risk.never')}
            disabled={readOnly}
          />
          <NumberField
            label={t('risk.reject_at')}
            value={form.reject_at ?? null}
            set={(reject_at) => change({ reject_at: needed(reject_at) })}
            fault={refusal?.of('reject_at')}
            help={t('risk.never')}
            disabled={readOnly}
          />
          <FormControlLabel
            control={
              <Switch
                checked={form.shadow ?? false}
                disabled={readOnly}
                onChange={(event) => change({ shadow: event.target.checked })}
              />
            }
            label={t('risk.shadow')}
          />
        </Box>
      </Part>
      <Part title={t('risk.rules')}>
        <Refusal error={save.error} />
        <RuleList
          kinds={KINDS}
          rules={form.rules}
          set={(next) => change({ rules: next })}
          currency={currency}
          readOnly={readOnly}
          refusal={refusal}
        />
        {readOnly ? null : (
          <Bar>
            <Box sx={{ flex: 1 }} />
            <Button onClick={clear} disabled={!changed} color="inherit">
              {t('desks.undo')}
            </Button>
            <Button
              variant="contained"
              disabled={!changed || !isReadable(form)}
              loading={save.busy}
              onClick={() => void save.run(form)}
            >
              {t('risk.save', { version: rules.version + 1 })}
            </Button>
          </Bar>
        )}
      </Part>
      {keeper ? <Backtest rules={form} /> : null}
    </>
  );
}
