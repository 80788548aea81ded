/** How many days a way of shipping takes, at best and at worst; said of it or not, but never half. */
import { needed } from '../kit/typed';

export type Days = [number, number] | null;

/** Take over what was typed at one end. An empty field takes the other along where nothing stands in that either. */
export function withDays(days: Days, end: 'best' | 'worst', typed: number | null): Days {
  const [best, worst] = days ?? [Number.NaN, Number.NaN];
  const other = end === 'best' ? worst : best;
  if (typed === null && Number.isNaN(other)) return null;
  return end === 'best' ? [needed(typed), other] : [other, needed(typed)];
}

/** The quickest first, whichever was typed where. */
export const inOrder = (days: Days): Days => days && [Math.min(...days), Math.max(...days)];
