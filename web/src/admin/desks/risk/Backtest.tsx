/** What a set of rules would have said of past orders, beside what was said then. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useState } from 'react';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/payment';
import { useWords } from '../../../words/words';
import { Bar, Part } from '../kit/Desk';
import { Mark } from '../kit/Mark';
import { NumberField } from '../kit/NumberField';
import { Refusal } from '../kit/Refusal';
import { Rows } from '../kit/Rows';
import { Moment, OrderRef } from '../kit/refs';
import { isReadable } from '../kit/typed';
import { keyed, useAct } from '../kit/useAct';
import { FactList } from './ReviewsDesk';

type Rules = components['schemas']['RulesBody'];
type Result = components['schemas']['BacktestView'];

const VERDICTS = ['approve', 'review', 'reject'] as const;

export function Backtest({ rules }: { rules: Rules }) {
  const { t } = useWords();
  const [days, setDays] = useState<number | null>(30);
  const [result, setResult] = useState<Result | null>(null);
  const test = useAct(
    (body: Rules & { days: number }, key) => {
      const { days: back, ...rest } = body;
      return told(
        api.POST('/api/admin/risk-rules/backtest', {
          params: { query: { days: back }, header: keyed(key) },
          body: rest,
        }),
      );
    },
    { done: setResult },
  );
  return (
    <Part title={t('backtest.title')}>
      <Typography sx={{ mb: 2, color: 'text.secondary' }}>{t('backtest.intro')}</Typography>
      <Bar>
        <Box sx={{ width: 160 }}>
          <NumberField label={t('backtest.days')} value={days} set={setDays} />
        </Box>
        <Button
          variant="outlined"
          loading={test.busy}
          disabled={!days || !isReadable(rules)}
          onClick={() => void test.run({ ...rules, days: days ?? 30 })}
        >
          {t('backtest.run')}
        </Button>
      </Bar>
      <Refusal error={test.error} />
      <div aria-live="polite">
        {result ? (
          <>
            <Typography sx={{ mb: 1 }}>{t('backtest.said', { assessed: result.assessed, changed: result.changed })}</Typography>
            <Rows
              caption={t('backtest.verdicts')}
              pages={{ rows: [...VERDICTS], error: null, loading: false }}
              rowKey={(verdict) => verdict}
              empty=""
              columns={[
                { name: 'verdict', label: t('backtest.verdict'), cell: (verdict) => <Mark of={verdict} kind="verdict" /> },
                { name: 'then', label: t('backtest.then'), numeric: true, cell: (verdict) => result.then[verdict] ?? 0 },
                { name: 'now', label: t('backtest.now'), numeric: true, cell: (verdict) => result.now[verdict] ?? 0 },
              ]}
            />
            {result.changes.length ? (
              <Box sx={{ mt: 3 }}>
                <Rows
                  caption={t('backtest.changes')}
                  pages={{ rows: result.changes.slice(0, 100), error: null, loading: false }}
                  rowKey={(change) => change.order_id}
                  empty=""
                  columns={[
                    { name: 'order', label: t('desks.order'), cell: (change) => <OrderRef id={change.order_id} /> },
                    { name: 'at', label: t('desks.at'), cell: (change) => <Moment at={change.at} /> },
                    {
                      name: 'then',
                      label: t('backtest.then'),
                      cell: (change) => (
                        <div>
                          <Mark of={change.then} kind="verdict" /> {change.then_score}
                          <FactList of={change.then_facts} />
                        </div>
                      ),
                    },
                    {
                      name: 'now',
                      label: t('backtest.now'),
                      cell: (change) => (
                        <div>
                          <Mark of={change.now} kind="verdict" /> {change.now_score}
                          <FactList of={change.now_facts} />
                        </div>
                      ),
                    },
                  ]}
                />
              </Box>
            ) : null}
          </>
        ) : null}
      </div>
    </Part>
  );
}
