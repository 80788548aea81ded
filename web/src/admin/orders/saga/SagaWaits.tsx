import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useWords } from '../../../words/words';
import { Moment } from '../../parts/Moment';
import { Rows } from '../../parts/Rows';
import { useLabel } from '../../parts/useLabel';
import type { Saga } from '../page/useOrder';
import { durationText } from './steps';

const since = (moment: string): number => Math.max(0, Date.now() - Date.parse(moment));

/** Why the order stands where it stands: what it waits for, from whom, until when; and what each service still has to do for it. */
export function SagaWaits({ saga }: { saga: Saga }) {
  const { t, language } = useWords();
  const label = useLabel();
  if (saga.waiting_for.length === 0 && saga.work.length === 0) return <Typography>{t('saga.rests')}</Typography>;
  return (
    <Box sx={{ display: 'grid', gap: 2 }}>
      {saga.waiting_for.map((wait) => (
        <Alert key={wait.fact} severity={wait.overdue ? 'error' : 'info'} sx={{ '& .MuiAlert-message': { minWidth: 0 } }}>
          <Typography component="p" sx={{ fontWeight: 650 }}>
            {t(`saga.waits.${wait.whom}`, { service: label('service', wait.service), fact: label('fact', wait.fact) })}
          </Typography>
          <Typography component="p" variant="body2">
            {t('saga.waits.since', { time: durationText(since(wait.since), language) })} (<Moment at={wait.since} />
            ).{' '}
            {wait.until ? (
              <>
                {t('saga.waits.until')} <Moment at={wait.until} />.
              </>
            ) : (
              t('saga.waits.endless')
            )}
            {wait.overdue && ` ${t('saga.waits.overdue')}`}
          </Typography>
        </Alert>
      ))}
      {saga.work.length > 0 && (
        <Box>
          <Typography variant="h3">{t('saga.work')}</Typography>
          <Rows
            empty=""
            rows={saga.work.map((work) => ({
              key: `${work.service}.${work.job}.${work.subject}`,
              what: `${label('service', work.service)}: ${label('job', work.job)}`,
              about: (
                <>
                  {t('saga.work.attempts', { smart_count: work.attempts })} · {t('saga.work.due')} <Moment at={work.due_at} />
                  {work.error && ` · ${t('saga.work.error', { error: label('code', work.error) })}`}
                </>
              ),
            }))}
          />
        </Box>
      )}
    </Box>
  );
}
