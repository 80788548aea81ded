/** Rules as data: documents with a kind and parameters, and the fields by which a kind is written. */

export type Rule = Record<string, unknown>;

export type Input =
  | { name: string; as: 'number'; usual: number }
  | { name: string; as: 'money'; usual: number }
  | { name: string; as: 'list'; upper?: boolean }
  | { name: string; as: 'one of'; of: readonly string[]; usual: string }
  | { name: string; as: 'some of'; of: readonly string[] };

export type Kinds = Record<string, readonly Input[]>;

/** Begin a rule of a kind. */
export function blankRule(kind: string, inputs: readonly Input[]): Rule {
  return Object.fromEntries([
    ['kind', kind],
    ...inputs.map((input): [string, unknown] => {
      if (input.as === 'list') return [input.name, []];
      if (input.as === 'some of') return [input.name, [...input.of]];
      return [input.name, input.usual];
    }),
  ]);
}

/** Read a list as people type it: by lines, commas or blanks. */
export const typedList = (text: string, upper = false): string[] =>
  (upper ? text.toUpperCase() : text).split(/[\s,;]+/).filter(Boolean);

/** Move a place of a list up or down; the same list where it cannot go. */
export function moved<Item>(items: readonly Item[], from: number, by: -1 | 1): Item[] {
  const next = [...items];
  const [item] = next.splice(from, 1);
  const to = from + by;
  if (item === undefined || to < 0 || to > next.length) return [...items];
  next.splice(to, 0, item);
  return next;
}
