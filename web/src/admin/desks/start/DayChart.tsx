/** A figure by day, as columns and as a table. */
import Box from '@mui/material/Box';
import { useTheme } from '@mui/material/styles';
import { BarChart } from '@mui/x-charts/BarChart';
import { moneyText } from '../../../look/money';
import { useWords } from '../../../words/words';
import { AsTable } from './AsTable';
import type { Day } from './figures';

const HEIGHT = 240;

export function DayChart({ days, of, currency }: { days: Day[]; of: 'orders' | 'revenue'; currency: string }) {
  const { t, language } = useWords();
  const { palette } = useTheme();
  const day = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', timeZone: 'UTC' });
  const full = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' });
  const digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
  const value = (one: number) =>
    of === 'orders' ? new Intl.NumberFormat(language).format(one) : moneyText({ amount: one, currency }, language);
  const short = (one: number) =>
    new Intl.NumberFormat(language, { notation: 'compact', maximumFractionDigits: 1 }).format(
      of === 'orders' ? one : one / 10 ** digits,
    );
  return (
    <>
      <Box aria-hidden>
        <BarChart
          height={HEIGHT}
          skipAnimation
          disableKeyboardNavigation
          hideLegend
          margin={{ left: 0, right: 8, top: 8, bottom: 0 }}
          xAxis={[
            {
              data: days.map((one) => new Date(one.day)),
              scaleType: 'band',
              valueFormatter: (date: Date, { location }) => (location === 'tooltip' ? full : day).format(date),
            },
          ]}
          yAxis={[{ valueFormatter: short, width: 48, tickMinStep: 1 }]}
          series={[
            {
              data: days.map((one) => one[of]),
              label: t(`sales.${of}`),
              color: of === 'orders' ? palette.primary.main : palette.success.main,
              valueFormatter: (one) => (one === null ? '' : value(one)),
            },
          ]}
        />
      </Box>
      <AsTable
        caption={t(`sales.${of}_by_day`)}
        heads={[t('sales.day'), t(`sales.${of}`)]}
        rows={days.map((one) => [full.format(new Date(one.day)), value(one[of])])}
      />
    </>
  );
}
