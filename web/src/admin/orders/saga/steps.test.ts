import { describe, expect, it } from 'vitest';
import { draw, durationText, type Step } from './steps';

const step = (id: string, source: string, time: string, cause: string | null = null): Step => ({
  event_id: id,
  type: `${source}.something.v1`,
  topic: `${source}.events`,
  source,
  sequence: 1,
  time,
  started_at: null,
  latency_ms: null,
  causation_id: cause,
  unpublished: false,
  data: null,
});

const placed = step('a', 'order', '2026-01-01T10:00:00.000Z');
const reserved = step('b', 'inventory', '2026-01-01T10:00:00.100Z', 'a');
const sent = step('c', 'order', '2026-01-02T10:00:00.000Z');

describe('a saga on a time axis', () => {
  it('draws an arrow from the cause to its step', () => {
    const { marks } = draw([reserved, placed], 400);
    expect(marks.map((mark) => mark.step.event_id)).toEqual(['a', 'b']);
    expect(marks[0]?.from).toBeNull();
    expect(marks[1]?.from).toEqual({ x: marks[0]?.x, lane: 0 });
    expect(marks[1]?.x).toBeGreaterThan(marks[0]?.x ?? 0);
  });

  it('draws a day of silence as one gap', () => {
    const { gaps, marks, width } = draw([placed, reserved, sent], 400);
    expect(gaps).toHaveLength(1);
    expect(gaps[0]?.milliseconds).toBe(86_399_900);
    expect(marks.at(-1)?.x).toBeLessThanOrEqual(width);
    expect(width).toBeLessThanOrEqual(500);
  });

  it('draws nothing of nothing', () => {
    expect(draw([], 400).marks).toEqual([]);
  });
});

describe('durations', () => {
  it('are written with one unit', () => {
    expect(durationText(320, 'en')).toBe('320 ms');
    expect(durationText(4_200, 'de')).toBe('4,2 Sek.');
    expect(durationText(90_000_000, 'en')).toBe('1 day');
  });
});
