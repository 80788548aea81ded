import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { Card } from '../../parts/Card';
import { Failed } from '../../parts/Failed';
import { Moment } from '../../parts/Moment';
import { StateChip } from '../../parts/StateChip';
import { useLabel } from '../../parts/useLabel';
import { type Entry, useSaga } from './useOrder';

/** Everything that happened to the order: who did it, why, and by which event. */
export function Timeline({ orderId }: { orderId: string }) {
  const { t } = useWords();
  const say = useProblemText();
  const saga = useSaga(orderId);
  return (
    <Card title={t('timeline.title')} id="timeline">
      {saga.error && <Failed text={say(saga.error)} again={saga.refetch} />}
      <Entries entries={[...(saga.data?.history ?? [])].reverse()} causes={saga.data?.facts} />
    </Card>
  );
}

interface Cause {
  event_id: string;
  type: string;
}

export function Entries({ entries, causes = [] }: { entries: Entry[]; causes?: Cause[] }) {
  const { t } = useWords();
  const label = useLabel();
  const typeOf = new Map(causes.map((cause) => [cause.event_id, cause.type]));
  const who = (actor: string): string => {
    const [role = '', ...name] = actor.split(':');
    return name.length > 0
      ? t('timeline.by_person', { role: label('role', role), name: name.join(':') })
      : label('service', role);
  };
  return (
    <Box component="ol" sx={{ listStyle: 'none', m: 0, p: 0 }}>
      {entries.map((entry) => {
        const type = entry.event_id ? typeOf.get(entry.event_id) : undefined;
        return (
          <Box
            component="li"
            key={entry.history_id}
            sx={{ borderLeft: 2, borderColor: 'divider', pl: 2, pb: 2, position: 'relative', overflowWrap: 'anywhere' }}
          >
            <Box
              sx={{
                position: 'absolute',
                left: -6,
                top: 6,
                width: 10,
                height: 10,
                borderRadius: '50%',
                bgcolor: 'primary.main',
              }}
            />
            <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1, alignItems: 'center' }}>
              {entry.kind !== 'note' && <StateChip area="status" state={entry.status} />}
              <span>{entry.notes}</span>
            </Box>
            <Typography variant="body2" color="text.secondary">
              <Moment at={entry.timestamp} /> · {who(entry.actor)}
              {entry.event_id && ` · ${t('timeline.by_event', { event: type ? label('fact', type) : entry.event_id })}`}
            </Typography>
          </Box>
        );
      })}
    </Box>
  );
}
