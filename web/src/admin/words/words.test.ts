import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as values from '../desks/words/values';
import { areas, catalogues } from './index';

const folder = join(import.meta.dirname, '..');
const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
  (file) => /\.tsx?$/.test(file) && !file.includes('test'),
);

describe('the texts of the panel', () => {
  it('has every text that a page names', () => {
    const named = sources.flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(/\bt\(\s*'([^']+)'/g)].map((found) => found[1]),
    );
    expect(named.length).toBeGreaterThan(100);
    expect(named.filter((key) => key !== undefined && !(key in catalogues.en))).toEqual([]);
  });

  it('has each key in one area alone, but for the names of values, which the desks say in their own way', () => {
    const keys = areas.flatMap((area) => Object.keys(area.en)).filter((key) => !(key in values.en));
    expect(keys.filter((key, place) => keys.indexOf(key) !== place)).toEqual([]);
  });

  it('has the same placeholders in both languages', () => {
    const places = (text = '') => [...new Set(text.match(/%\{\w+\}/g) ?? [])].sort();
    const differing = Object.keys(catalogues.en).filter(
      (key) => `${places(catalogues.en[key])}` !== `${places(catalogues.de[key])}`,
    );
    expect(differing).toEqual([]);
  });
});
