/** What became of a cart while nobody looked, line by line. */

interface Line {
  product_id: string;
  name: string | null;
  quantity: number;
}

export interface Difference {
  sku: string;
  name: string;
  before: number;
  after: number;
}

/** List what differs between the cart that was shown and the one there is. */
export function differences(before: readonly Line[], after: readonly Line[]): Difference[] {
  const names = new Map([...before, ...after].map((line) => [line.product_id, line.name ?? line.product_id]));
  const of = (lines: readonly Line[], sku: string) => lines.find((line) => line.product_id === sku)?.quantity ?? 0;
  return [...names]
    .map(([sku, name]) => ({ sku, name, before: of(before, sku), after: of(after, sku) }))
    .filter((line) => line.before !== line.after);
}
