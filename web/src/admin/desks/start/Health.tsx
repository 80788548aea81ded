/** How the four services keep up: what waits to be told, heard and done. */

import Alert from '@mui/material/Alert';
import { useQueries } from '@tanstack/react-query';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/order';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { Part } from '../kit/Desk';
import { Mark } from '../kit/Mark';
import { Rows } from '../kit/Rows';
import { SERVICES, type Service } from '../operations/letters';
import { duration } from './figures';

type View = components['schemas']['HealthView'];

const pathOf = (service: Service) => `/api/admin/reports/${service}/health` as '/api/admin/reports/order/health';

export function Health() {
  const { t, language } = useWords();
  const say = useProblemText();
  const found = useQueries({
    queries: SERVICES.map((service) => ({
      queryKey: ['health', service],
      queryFn: () => told(api.GET(pathOf(service))),
      retry: false,
      refetchInterval: 15_000,
    })),
  });
  const rows = found.flatMap((one) => (one.data ? [one.data] : []));
  const took = (seconds: number) => {
    const [value, unit] = duration(seconds);
    return new Intl.NumberFormat(language, { style: 'unit', unit: unit.slice(0, -1), unitDisplay: 'short' }).format(value);
  };
  const many = ({ pending, capped }: { pending: number; capped: boolean }) => `${pending}${capped ? '+' : ''}`;
  const late = (view: View) => Math.max(0, ...view.due.map((job) => job.late_seconds));
  const lag = (view: View) =>
    view.consumer_lag === null ? '–' : String(view.consumer_lag.reduce((sum, topic) => sum + topic.records, 0));
  return (
    <Part title={t('health.title')}>
      {found.map((one, place) =>
        one.error ? (
          <Alert key={SERVICES[place]} severity="error" sx={{ mb: 1 }}>
            {t(`service.${SERVICES[place]}`)}: {say(one.error)}
          </Alert>
        ) : null,
      )}
      <Rows
        caption={t('health.title')}
        pages={{ rows, error: null, loading: found.some((one) => one.isPending) && !rows.length }}
        rowKey={(view) => view.service}
        empty={t('desks.none')}
        columns={[
          { name: 'service', label: t('letters.service'), cell: (view) => t(`service.${view.service}`) },
          {
            name: 'ready',
            label: t('health.ready'),
            cell: (view) => <Mark of={view.ready ? 'ready' : 'not_ready'} kind="readiness" />,
          },
          { name: 'outbox', label: t('health.outbox'), numeric: true, cell: (view) => many(view.outbox) },
          {
            name: 'age',
            label: t('health.oldest'),
            numeric: true,
            cell: (view) => (view.outbox.pending ? took(view.outbox.oldest_seconds) : '–'),
          },
          { name: 'lag', label: t('health.lag'), numeric: true, cell: lag },
          { name: 'late', label: t('health.late'), numeric: true, cell: (view) => (late(view) ? took(late(view)) : '–') },
          {
            name: 'letters',
            label: t('letters.title'),
            numeric: true,
            cell: (view) => many({ pending: view.dead_letters.open, capped: view.dead_letters.capped }),
          },
        ]}
      />
    </Part>
  );
}
