import Chip from '@mui/material/Chip';
import { useWords } from '../../../words/words';

type Tone = 'default' | 'success' | 'warning' | 'error' | 'info';

const TONES: Record<string, Tone> = {
  planned: 'info',
  held: 'warning',
  moving: 'warning',
  dispatched: 'success',
  delivered: 'success',
  requested: 'warning',
  approved: 'info',
  partially_received: 'info',
  received: 'success',
  declined: 'error',
  awaiting_approval: 'warning',
  refunded: 'success',
  failed: 'error',
  pending: 'warning',
  rejected: 'error',
  open: 'warning',
  resolved: 'success',
  retried: 'success',
  won: 'success',
  lost: 'error',
  authorized: 'info',
  captured: 'success',
  sent: 'success',
  waiting: 'warning',
  paid: 'success',
  refused: 'error',
  counted: 'success',
  approve: 'success',
  review: 'warning',
  reject: 'error',
  ready: 'success',
  not_ready: 'error',
  bought: 'success',
  wanted: 'info',
};

/** A state as a word on a coloured ground; the word says it all, the colour helps to find it. */
export function Mark({ of, kind = 'state' }: { of: string; kind?: string }) {
  const { t, has } = useWords();
  const key = `${kind}.${of}`;
  return (
    <Chip size="small" variant="outlined" color={TONES[of] ?? 'default'} label={has(key) ? t(key) : of.replaceAll('_', ' ')} />
  );
}
