/** How many units of which line somebody chose in a dialog, kept among its other values. */
import type { Values } from '../../parts/useDraft';

const PREFIX = 'units.';

export const unitsField = (itemId: string): string => PREFIX + itemId;

/** Read the lines of which at least one unit was chosen. */
export function unitsOf(values: Values): { item_id: string; quantity: number }[] {
  return Object.entries(values)
    .filter(([name, value]) => name.startsWith(PREFIX) && Number(value) > 0)
    .map(([name, value]) => ({ item_id: name.slice(PREFIX.length), quantity: Number(value) }));
}
