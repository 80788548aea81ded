/** The figures of the report, made ready for charts. */
import type { components } from '../../../api/schema/order';

export type Report = components['schemas']['OrderReport'];
export type Figures = components['schemas']['FiguresView'];

export interface Day {
  day: string;
  orders: number;
  revenue: number;
}

const DAY_MS = 86_400_000;

/** List every day of the report in one currency, those without orders too. */
export function everyDay(report: Pick<Report, 'first_day' | 'last_day' | 'days'>, currency: string): Day[] {
  const known = new Map(report.days.filter((one) => one.currency === currency).map((one) => [one.day, one]));
  const days: Day[] = [];
  for (let at = Date.parse(report.first_day); at <= Date.parse(report.last_day); at += DAY_MS) {
    const day = new Date(at).toISOString().slice(0, 10);
    const { orders = 0, revenue = 0 } = known.get(day) ?? {};
    days.push({ day, orders, revenue });
  }
  return days;
}

/** List named counts, the largest first. */
export const ranked = (counts: Record<string, number>): [string, number][] =>
  Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a);

export type Unit = 'seconds' | 'minutes' | 'hours' | 'days';

/** Say a duration in the unit that suits it. */
export function duration(seconds: number): [number, Unit] {
  if (seconds < 120) return [Math.round(seconds * 10) / 10, 'seconds'];
  if (seconds < 7200) return [Math.round(seconds / 60), 'minutes'];
  if (seconds < 172_800) return [Math.round(seconds / 360) / 10, 'hours'];
  return [Math.round(seconds / 8640) / 10, 'days'];
}
