import Box from '@mui/material/Box';
import { useTheme } from '@mui/material/styles';
import { useEffect, useRef, useState } from 'react';
import { useWords } from '../../../words/words';
import { useLabel } from '../../parts/useLabel';
import { draw, durationText, SERVICES, type Step } from './steps';

const LANE = 64;
const TOP = 28;
const LEFT = 108;
const RIGHT = 16;

/** The steps over the services on a time axis, an arrow from each cause to what it led to. The table below says the same in words. */
export function SagaChart({ facts }: { facts: readonly Step[] }) {
  const { t, language } = useWords();
  const label = useLabel();
  const { palette } = useTheme();
  const frame = useRef<HTMLDivElement>(null);
  const [wide, setWide] = useState(900);

  useEffect(() => {
    if (!frame.current) return;
    const watcher = new ResizeObserver(([entry]) => entry && setWide(entry.contentRect.width));
    watcher.observe(frame.current);
    return () => watcher.disconnect();
  }, []);

  const { marks, gaps, width } = draw(facts, Math.max(wide, 560) - LEFT - RIGHT);
  const y = (lane: number): number => TOP + lane * LANE + LANE / 2;
  const height = TOP + SERVICES.length * LANE;
  return (
    <Box ref={frame} sx={{ overflowX: 'auto' }} tabIndex={0} role="region" aria-label={t('saga.chart')}>
      <svg
        width={LEFT + width + RIGHT}
        height={height}
        role="img"
        aria-label={t('saga.chart.label', { smart_count: facts.length })}
        fontFamily="inherit"
        fontSize={12}
      >
        <defs>
          <marker id="saga-head" viewBox="0 0 8 8" refX={13} refY={4} markerWidth={7} markerHeight={7} orient="auto">
            <path d="M0 0 L8 4 L0 8 z" fill={palette.text.secondary} />
          </marker>
        </defs>
        {SERVICES.map((service, lane) => (
          <g key={service}>
            <line x1={LEFT} x2={LEFT + width} y1={y(lane)} y2={y(lane)} stroke={palette.divider} />
            <text x={0} y={y(lane) + 4} fill={palette.text.primary} fontWeight={650}>
              {label('service', service)}
            </text>
          </g>
        ))}
        {gaps.map((gap) => (
          <g key={gap.x}>
            <rect x={LEFT + gap.x + 8} y={TOP} width={gap.width - 16} height={height - TOP} fill={palette.action.hover} />
            <text x={LEFT + gap.x + gap.width / 2} y={TOP - 10} textAnchor="middle" fill={palette.text.secondary}>
              {durationText(gap.milliseconds, language)}
            </text>
          </g>
        ))}
        {marks.map(({ step, x, lane, from }) =>
          from ? (
            <path
              key={step.event_id}
              d={`M${LEFT + from.x} ${y(from.lane)} C${LEFT + from.x + 24} ${y(from.lane)}, ${LEFT + x - 24} ${y(lane)}, ${LEFT + x} ${y(lane)}`}
              fill="none"
              stroke={palette.text.secondary}
              strokeOpacity={0.65}
              markerEnd="url(#saga-head)"
            />
          ) : null,
        )}
        {marks.map(({ step, x, lane }) => (
          <circle
            key={step.event_id}
            cx={LEFT + x}
            cy={y(lane)}
            r={6}
            fill={step.unpublished ? palette.background.paper : palette.primary.main}
            stroke={step.unpublished ? palette.error.main : palette.background.paper}
            strokeWidth={2}
          >
            <title>{`${label('fact', step.type)}${step.latency_ms === null ? '' : ` · ${durationText(step.latency_ms, language)}`}`}</title>
          </circle>
        ))}
      </svg>
    </Box>
  );
}
