import { describe, expect, it } from 'vitest';
import { blankRule, moved, typedList } from './rules';

describe('rules', () => {
  it('begin with what is usual', () =>
    expect(
      blankRule('velocity', [
        { name: 'by', as: 'one of', of: ['user', 'ip'], usual: 'user' },
        { name: 'at_least', as: 'number', usual: 5 },
        { name: 'values', as: 'list' },
      ]),
    ).toEqual({ kind: 'velocity', by: 'user', at_least: 5, values: [] }));
  it('read lists by lines, commas and blanks', () => {
    expect(typedList('de, at\nfr', true)).toEqual(['DE', 'AT', 'FR']);
    expect(typedList('  ')).toEqual([]);
  });
  it('move within their list', () => {
    expect(moved(['a', 'b', 'c'], 2, -1)).toEqual(['a', 'c', 'b']);
    expect(moved(['a', 'b', 'c'], 0, -1)).toEqual(['a', 'b', 'c']);
    expect(moved(['a', 'b', 'c'], 2, 1)).toEqual(['a', 'b', 'c']);
  });
});
