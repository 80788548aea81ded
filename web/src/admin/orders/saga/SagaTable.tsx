import Box from '@mui/material/Box';
import Table from '@mui/material/Table';
import TableBody from '@mui/material/TableBody';
import TableCell from '@mui/material/TableCell';
import TableHead from '@mui/material/TableHead';
import TableRow from '@mui/material/TableRow';
import { useWords } from '../../../words/words';
import { StateChip } from '../../parts/StateChip';
import { useLabel } from '../../parts/useLabel';
import { durationText, type Step } from './steps';

// Steps of a saga follow each other within milliseconds.
const EXACT: Intl.DateTimeFormatOptions = {
  day: '2-digit',
  month: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
};

/** Every step in words: when, where, what, how long it took, and what it followed from. */
export function SagaTable({ facts }: { facts: readonly Step[] }) {
  const { t, language } = useWords();
  const label = useLabel();
  const types = new Map(facts.map((fact) => [fact.event_id, fact.type]));
  const clock = new Intl.DateTimeFormat(language, EXACT);
  return (
    <Box sx={{ overflowX: 'auto' }} tabIndex={0} role="region" aria-label={t('saga.table')}>
      <Table size="small" aria-label={t('saga.table')} sx={{ fontVariantNumeric: 'tabular-nums', minWidth: 560 }}>
        <TableHead>
          <TableRow>
            {['time', 'service', 'fact', 'latency', 'cause'].map((column) => (
              <TableCell key={column} align={column === 'latency' ? 'right' : 'left'}>
                {t(`saga.table.${column}`)}
              </TableCell>
            ))}
          </TableRow>
        </TableHead>
        <TableBody>
          {facts.map((fact) => {
            const cause = fact.causation_id ? types.get(fact.causation_id) : undefined;
            return (
              <TableRow key={fact.event_id}>
                <TableCell sx={{ whiteSpace: 'nowrap' }}>
                  <time dateTime={fact.time}>{clock.format(new Date(fact.time))}</time>
                </TableCell>
                <TableCell>{label('service', fact.source)}</TableCell>
                <TableCell>
                  {label('fact', fact.type)} {about(fact, label)}{' '}
                  {fact.unpublished && <StateChip area="saga" state="unpublished" tone="error" />}
                </TableCell>
                <TableCell align="right" sx={{ whiteSpace: 'nowrap' }}>
                  {fact.latency_ms === null ? '' : durationText(fact.latency_ms, language)}
                </TableCell>
                <TableCell>
                  {cause ? label('fact', cause) : t(fact.causation_id ? 'saga.cause.elsewhere' : 'saga.cause.command')}
                </TableCell>
              </TableRow>
            );
          })}
        </TableBody>
      </Table>
    </Box>
  );
}

/** What a step was about, where its name alone does not say it. */
function about(fact: Step, label: ReturnType<typeof useLabel>): string {
  const { template, reason, code } = (fact.data ?? {}) as Record<string, unknown>;
  if (typeof template === 'string') return `(${label('template', template)})`;
  if (typeof code === 'string') return `(${label('code', code)})`;
  return typeof reason === 'string' ? `(${label('cancel_reason', reason)})` : '';
}
