import type { StringMap } from 'react-admin';

/** Write nested texts as one catalogue: `{ ra: { yes: 'Yes' } }` is `{ 'ra.yes': 'Yes' }`. */
export function flat(texts: StringMap, before = ''): Record<string, string> {
  return Object.entries(texts).reduce<Record<string, string>>((all, [key, text]) => {
    if (typeof text === 'string') all[before + key] = text;
    else if (text) Object.assign(all, flat(text, `${before}${key}.`));
    return all;
  }, {});
}
