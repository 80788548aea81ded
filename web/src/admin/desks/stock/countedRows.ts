/** A stocktake as it is typed on the page, and as the CSV file that the service reads. */

export interface Counted {
  product_id: string;
  counted: string;
  note: string;
}

export const BLANK: Counted = { product_id: '', counted: '', note: '' };

const cell = (text: string): string => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Write the rows as the service reads them; rows in which nothing stands are left out. */
export function csvOf(warehouse_id: string, rows: Counted[]): string {
  const told = rows.filter((row) => row.product_id.trim() || row.counted.trim());
  const lines = told.map((row) =>
    [row.product_id.trim(), warehouse_id, row.counted.trim(), row.note.trim()].map(cell).join(','),
  );
  return ['product_id,warehouse_id,counted,note', ...lines, ''].join('\n');
}
