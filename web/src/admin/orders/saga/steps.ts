/**
 * An order's saga on a time axis. A choreographed saga does its work in bursts of milliseconds with hours of silence between them,
 * so silence is drawn short: what lies more than a moment apart is set apart by a gap of one width, with its length written in it.
 */
import type { components } from '../../../api/schema/order';

export type Step = components['schemas']['StepView'];

export const SERVICES = ['order', 'inventory', 'payment', 'notification'] as const;
export type Service = (typeof SERVICES)[number];

const BURST_MS = 2_000;
const LEAST_MS = 40;
const GAP = 70;
const BURST_LEAST = 60;

export interface Mark {
  step: Step;
  x: number;
  /** Where its cause was told; null for a command or a deadline. */
  from: { x: number; lane: number } | null;
  lane: number;
}

export interface Gap {
  x: number;
  width: number;
  milliseconds: number;
}

export interface Drawing {
  marks: Mark[];
  gaps: Gap[];
  width: number;
}

const at = (step: Step): number => Date.parse(step.time);

/** Cut the steps into bursts: within one, the next follows in a moment. */
function bursts(steps: readonly Step[]): Step[][] {
  const all: Step[][] = [];
  for (const step of steps) {
    const current = all.at(-1);
    const last = current?.at(-1);
    if (current && last && at(step) - at(last) <= BURST_MS) current.push(step);
    else all.push([step]);
  }
  return all;
}

/** Place every step: `wide` is how many pixels the bursts share among them. */
export function draw(facts: readonly Step[], wide: number): Drawing {
  const steps = [...facts].sort((one, other) => at(one) - at(other));
  const parts = bursts(steps);
  const span = (part: Step[]): number => Math.max(LEAST_MS, at(part.at(-1) as Step) - at(part[0] as Step));
  const total = parts.reduce((sum, part) => sum + span(part), 0);
  const room = Math.max(wide - GAP * (parts.length - 1), BURST_LEAST * parts.length);
  const marks: Mark[] = [];
  const gaps: Gap[] = [];
  const placed = new Map<string, { x: number; lane: number }>();
  let begin = 0;
  parts.forEach((part, number) => {
    const first = at(part[0] as Step);
    const width = Math.max(BURST_LEAST, (room * span(part)) / total);
    for (const step of part) {
      const x = begin + (width * (at(step) - first)) / span(part);
      const lane = Math.max(0, SERVICES.indexOf(step.source as Service));
      marks.push({ step, x, lane, from: (step.causation_id && placed.get(step.causation_id)) || null });
      placed.set(step.event_id, { x, lane });
    }
    begin += width;
    const next = parts[number + 1]?.[0];
    if (next) {
      gaps.push({ x: begin, width: GAP, milliseconds: at(next) - at(part.at(-1) as Step) });
      begin += GAP;
    }
  });
  return { marks, gaps, width: begin };
}

/** Write a duration as people say it, with one unit: 320 ms, 4.2 s, 3 min, 5 h, 2 d. */
export function durationText(milliseconds: number, language: string): string {
  const number = (value: number, unit: string, digits = 0) =>
    new Intl.NumberFormat(language, { style: 'unit', unit, maximumFractionDigits: digits }).format(value);
  if (milliseconds < 1_000) return number(milliseconds, 'millisecond');
  if (milliseconds < 60_000) return number(milliseconds / 1_000, 'second', 1);
  if (milliseconds < 3_600_000) return number(milliseconds / 60_000, 'minute');
  if (milliseconds < 86_400_000) return number(milliseconds / 3_600_000, 'hour', 1);
  return number(milliseconds / 86_400_000, 'day', 1);
}
