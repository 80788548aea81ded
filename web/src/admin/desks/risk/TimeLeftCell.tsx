import Chip from '@mui/material/Chip';
import { useEffect, useState } from 'react';
import { useWords } from '../../../words/words';
import { Moment } from '../kit/refs';
import { timeLeft, urgency } from './timeLeft';

const TICK_MS = 20_000;
const TONES = { late: 'error', soon: 'warning', calm: 'default' } as const;

/** The time left until a deadline, counted down while the page is open. */
export function TimeLeftCell({ until }: { until: string }) {
  const { t } = useWords();
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  const left = timeLeft(until, now);
  const parts = [
    left.days ? t('time.days', { smart_count: left.days }) : '',
    left.hours ? t('time.hours', { smart_count: left.hours }) : '',
    left.days ? '' : t('time.minutes', { smart_count: left.minutes }),
  ];
  const text = parts.filter(Boolean).join(' ');
  return (
    <div>
      <Chip
        size="small"
        variant="outlined"
        color={TONES[urgency(left)]}
        label={t(left.over ? 'time.late' : 'time.left', { time: text })}
      />
      <div style={{ fontSize: '0.8rem', marginTop: 2 }}>
        <Moment at={until} />
      </div>
    </div>
  );
}
