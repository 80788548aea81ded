/** Orders and revenue by day, what became of orders, why they failed, how long they took. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, told } from '../../../api/client';
import { moneyText } from '../../../look/money';
import { useWords } from '../../../words/words';
import { Choice } from '../kit/Choice';
import { Bar, Part } from '../kit/Desk';
import { Refusal } from '../kit/Refusal';
import { Waiting } from '../kit/Rows';
import { Moment } from '../kit/refs';
import { DayChart } from './DayChart';
import { duration, everyDay, type Figures, ranked } from './figures';
import { Shares } from './Shares';

const SPANS = ['7', '30', '90'];
const DAY_MS = 86_400_000;

export function Sales() {
  const { t } = useWords();
  const [span, setSpan] = useState('30');
  const [wanted, setCurrency] = useState('');
  const from = new Date(Date.now() - (Number(span) - 1) * DAY_MS).toISOString().slice(0, 10);
  const report = useQuery({
    queryKey: ['report', 'orders', from],
    queryFn: () => told(api.GET('/api/admin/reports/order/orders', { params: { query: { from } } })),
    retry: false,
    refetchInterval: 60_000,
  });
  const { data } = report;
  const currencies = data?.totals.map((one) => one.currency) ?? [];
  const currency = currencies.includes(wanted) ? wanted : (currencies[0] ?? '');
  const totals = data?.totals.find((one) => one.currency === currency);
  return (
    <section aria-label={t('sales.title')}>
      <Bar label={t('sales.title')}>
        <Typography variant="h2" sx={{ flex: '1 1 auto' }}>
          {t('sales.title')}
        </Typography>
        <Choice
          label={t('sales.span')}
          value={span}
          set={setSpan}
          of={SPANS.map((value) => ({ value, label: t('sales.days', { smart_count: Number(value) }) }))}
        />
        {currencies.length > 1 ? (
          <Choice
            label={t('settlements.currency')}
            value={currency}
            set={setCurrency}
            of={currencies.map((value) => ({ value, label: value }))}
          />
        ) : null}
      </Bar>
      <Refusal error={report.error} again={() => void report.refetch()} />
      {report.isPending && !report.error ? <Waiting /> : null}
      {data && !totals ? <Typography sx={{ mb: 3 }}>{t('sales.none')}</Typography> : null}
      {data && totals ? (
        <>
          <Headline of={totals} />
          <Box
            sx={{
              display: 'grid',
              columnGap: 3,
              gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'repeat(2, minmax(0, 1fr))' },
            }}
          >
            <Part title={t('sales.orders_by_day')}>
              <DayChart days={everyDay(data, currency)} of="orders" currency={currency} />
            </Part>
            <Part title={t('sales.revenue_by_day')}>
              <DayChart days={everyDay(data, currency)} of="revenue" currency={currency} />
            </Part>
            <Part title={t('sales.statuses')}>
              <Shares caption={t('sales.statuses')} of={ranked(totals.statuses)} name="status" />
            </Part>
            <Part title={t('sales.failures')}>
              <Shares
                caption={t('sales.failures')}
                of={ranked(totals.cancel_reasons)}
                name="cancel"
                empty={t('sales.no_failures')}
              />
            </Part>
          </Box>
          <Typography variant="body2" sx={{ color: 'text.secondary', mb: 3 }}>
            {t('sales.as_of')} <Moment at={data.as_of} />
          </Typography>
        </>
      ) : null}
    </section>
  );
}

function Headline({ of }: { of: Figures }) {
  const { t, language } = useWords();
  const number = new Intl.NumberFormat(language);
  const took = (seconds: number | null) => {
    if (seconds === null) return '–';
    const [value, unit] = duration(seconds);
    return new Intl.NumberFormat(language, { style: 'unit', unit: unit.slice(0, -1), unitDisplay: 'short' }).format(value);
  };
  const shown: [string, string, string?][] = [
    [t('sales.orders'), number.format(of.orders)],
    [t('sales.revenue'), moneyText({ amount: of.revenue, currency: of.currency }, language)],
    [
      t('sales.refund_rate'),
      new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 }).format(of.refund_rate),
      t('sales.refunded_orders', { smart_count: of.refunded_orders }),
    ],
    [t('sales.pending'), took(of.pending.median_seconds), t('sales.p95', { time: took(of.pending.p95_seconds) })],
    [t('sales.to_shipped'), took(of.to_shipped.median_seconds), t('sales.p95', { time: took(of.to_shipped.p95_seconds) })],
  ];
  return (
    <Box
      component="dl"
      sx={{ m: 0, mb: 3, display: 'grid', gap: 2, gridTemplateColumns: 'repeat(auto-fill, minmax(min(100%, 11rem), 1fr))' }}
    >
      {shown.map(([name, value, more]) => (
        <div key={name}>
          <Typography component="dt" variant="body2" sx={{ color: 'text.secondary' }}>
            {name}
          </Typography>
          <Typography component="dd" sx={{ m: 0, fontSize: '1.4rem', fontWeight: 700, fontVariantNumeric: 'tabular-nums' }}>
            {value}
            {more ? (
              <Typography component="span" variant="body2" sx={{ display: 'block', color: 'text.secondary' }}>
                {more}
              </Typography>
            ) : null}
          </Typography>
        </div>
      ))}
    </Box>
  );
}
