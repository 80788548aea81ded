import { describe, expect, it } from 'vitest';
import { isReadable } from '../kit/typed';
import { type Days, inOrder, withDays } from './days';

describe('how long a way takes', () => {
  it('changes at the end that is typed, and at no other', () => {
    expect(withDays([3, 5], 'worst', 1)).toEqual([3, 1]);
    expect(withDays([3, 5], 'best', 12)).toEqual([12, 5]);
    expect(inOrder([12, 5])).toEqual([5, 12]);
  });
  it('is not saved with one end alone', () => {
    const typed = withDays(null, 'best', 2);
    expect(isReadable(typed)).toBe(false);
    expect(withDays(typed, 'worst', 4)).toEqual([2, 4]);
  });
  it('need not be said', () => {
    let days: Days = [2, 4];
    for (const end of ['best', 'worst'] as const) days = withDays(days, end, null);
    expect(days).toBeNull();
    expect(inOrder(null)).toBeNull();
  });
});
