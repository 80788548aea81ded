/** What the shipping desk works out of its queue: the pick list, and which parcel a scanned code means. */
import type { components } from '../../../api/schema/order';

type Work = components['schemas']['WorkPage']['items'][number];

export type { Work };

export interface Pick {
  product_id: string;
  units: number;
  parcels: { shipment_id: string; units: number }[];
}

export interface Walk {
  warehouse_id: string;
  units: number;
  parcels: number;
  picks: Pick[];
}

export interface WorkLine {
  item_id: string;
  product_id: string;
  quantity: number;
}

export const linesOf = (work: { lines: Work['lines'] }): WorkLine[] => work.lines as unknown as WorkLine[];

/** Group the units of parcels by warehouse and product, in the order in which a person walks: by warehouse, then by SKU. */
export function pickList(queue: Work[]): Walk[] {
  const walks = new Map<string, { parcels: number; picks: Map<string, Pick> }>();
  for (const work of queue) {
    const walk = walks.get(work.warehouse_id) ?? { parcels: 0, picks: new Map<string, Pick>() };
    walks.set(work.warehouse_id, walk);
    walk.parcels += 1;
    for (const line of linesOf(work)) {
      const pick = walk.picks.get(line.product_id) ?? { product_id: line.product_id, units: 0, parcels: [] };
      walk.picks.set(line.product_id, pick);
      pick.units += line.quantity;
      const before = pick.parcels.find((parcel) => parcel.shipment_id === work.shipment_id);
      if (before) before.units += line.quantity;
      else pick.parcels.push({ shipment_id: work.shipment_id, units: line.quantity });
    }
  }
  return [...walks]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([warehouse_id, { parcels, picks }]) => {
      const sorted = [...picks.values()].sort((a, b) => a.product_id.localeCompare(b.product_id));
      return { warehouse_id, parcels, picks: sorted, units: sorted.reduce((sum, pick) => sum + pick.units, 0) };
    });
}

const bare = (code: string): string => code.replaceAll(/[\s-]/g, '').toUpperCase();

/** Find the parcel that a code means: its tracking number, its id, or the end of its id as it is printed on the pick list. */
export function scanned(code: string, queue: Work[]): Work | null {
  const wanted = bare(code.trim().replace(/^#/, ''));
  if (wanted.length < 6) return null;
  const exact = queue.filter((work) => bare(work.tracking_number ?? '') === wanted || bare(work.shipment_id) === wanted);
  const found = exact.length ? exact : queue.filter((work) => bare(work.shipment_id).endsWith(wanted));
  return found.length === 1 ? (found[0] ?? null) : null;
}
