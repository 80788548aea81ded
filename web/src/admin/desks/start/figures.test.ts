import { describe, expect, it } from 'vitest';
import { duration, everyDay, type Report, ranked } from './figures';

describe('figures', () => {
  it('show each day once, also those on which nothing was ordered', () => {
    const days = [
      { day: '2026-02-27', currency: 'EUR', orders: 3, revenue: 900 },
      { day: '2026-02-27', currency: 'USD', orders: 1, revenue: 100 },
      { day: '2026-03-01', currency: 'EUR', orders: 1, revenue: -50 },
    ] as Report['days'];
    expect(everyDay({ first_day: '2026-02-27', last_day: '2026-03-01', days }, 'EUR')).toEqual([
      { day: '2026-02-27', orders: 3, revenue: 900 },
      { day: '2026-02-28', orders: 0, revenue: 0 },
      { day: '2026-03-01', orders: 1, revenue: -50 },
    ]);
  });
  it('rank counts', () =>
    expect(ranked({ a: 1, b: 0, c: 4 })).toEqual([
      ['c', 4],
      ['a', 1],
    ]));
  it.each([
    [0.42, 0.4, 'seconds'],
    [300, 5, 'minutes'],
    [9000, 2.5, 'hours'],
    [260_000, 30.1 / 10, 'days'],
  ])('%d seconds', (seconds, value, unit) => expect(duration(seconds)).toEqual([Number(value.toFixed(1)), unit]));
});
