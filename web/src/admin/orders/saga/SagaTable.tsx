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

/** Every step in words: when, where, what, how long it took, and what it followed from. */
export function SagaTable({ facts }: { facts: readonly Step[] }) {
  const { t, language } = useWords();
  const label = useLabel();
  const types = new Map(facts.map((fact) => [fact.event_id, fact.type]));
  const clock = new Intl.DateTimeFormat(language, { dateStyle: 'short', timeStyle: 'medium' });
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
                  {label('fact', fact.type)} {fact.unpublished && <StateChip area="saga" state="unpublished" tone="error" />}
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
