import { describe, expect, it } from 'vitest';
import { timeLeft, urgency } from './timeLeft';

const now = Date.parse('2026-11-26T12:00:00Z');

describe('the time left', () => {
  it.each([
    ['2026-11-26T12:10:00Z', { over: false, days: 0, hours: 0, minutes: 10 }, 'soon'],
    ['2026-11-26T15:59:30Z', { over: false, days: 0, hours: 4, minutes: 0 }, 'calm'],
    ['2026-11-28T13:00:00Z', { over: false, days: 2, hours: 1, minutes: 0 }, 'calm'],
    ['2026-11-26T11:00:00Z', { over: true, days: 0, hours: 1, minutes: 0 }, 'late'],
  ])('until %s', (until, left, how) => {
    expect(timeLeft(until, now)).toEqual(left);
    expect(urgency(timeLeft(until, now))).toBe(how);
  });
});
