/** What came back in a parcel: how many units of each line are fit for sale, damaged or to be written off. */
import type { components } from '../../../api/schema/order';

export type Return = components['schemas']['ReturnView'];
export type QueuedReturn = components['schemas']['QueuedReturnView'];
type Inspected = components['schemas']['InspectedBody'];
export type Disposition = components['schemas']['Disposition'];

export const DISPOSITIONS: readonly Disposition[] = ['restock', 'damaged', 'write_off'];

/** What is typed: for each line and disposition the number of units, and whether their money stays here. */
export interface ReceiptForm {
  /** The receipt's id: told twice, it is taken once. */
  receipt_id: string;
  warehouse_id: string;
  counts: Record<string, string>;
  unpaid: Record<string, boolean>;
}

export const place = (item_id: string, disposition: Disposition): string => `${item_id} ${disposition}`;

export const awaited = (line: Return['lines'][number]): number => line.quantity - line.received;

const typed = (text: string | undefined): number | null => {
  const plain = (text ?? '').trim();
  if (plain === '') return 0;
  return /^\d{1,3}$/.test(plain) ? Number(plain) : null;
};

export type Fault = { item_id: string; kind: 'number' } | { item_id: string; kind: 'too_many'; most: number };

/** Read what is typed; answers the lines of the receipt, or what is wrong with it. */
export function readReceipt(lines: Return['lines'], form: ReceiptForm): { lines: Inspected[]; faults: Fault[] } {
  const read: Inspected[] = [];
  const faults: Fault[] = [];
  for (const line of lines) {
    let units = 0;
    for (const disposition of DISPOSITIONS) {
      const quantity = typed(form.counts[place(line.item_id, disposition)]);
      if (quantity === null) {
        faults.push({ item_id: line.item_id, kind: 'number' });
        continue;
      }
      units += quantity;
      if (quantity > 0) {
        const refund = !form.unpaid[place(line.item_id, disposition)];
        read.push({ item_id: line.item_id, quantity, disposition, refund });
      }
    }
    if (units > awaited(line)) faults.push({ item_id: line.item_id, kind: 'too_many', most: awaited(line) });
  }
  return { lines: read, faults };
}
