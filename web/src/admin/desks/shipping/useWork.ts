import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/order';
import { usePages } from '../kit/usePages';

type State = components['schemas']['ShipmentState'];

const WORK_MS = 20_000;
const LABEL_MS = 2_000;

/**
 * The parcels in a state, by warehouse; asked for again now and then, as colleagues work in the same queue, and sooner while labels
 * are being bought.
 */
export function useWork(state: string, warehouse: string, limit = 50) {
  return usePages(
    ['shipments', state, warehouse, limit],
    (cursor) =>
      told(
        api.GET('/api/admin/shipments', {
          params: { query: { limit, cursor: cursor ?? null, state: state as State, warehouse_id: warehouse || null } },
        }),
      ),
    { every: (rows) => (rows.some((work) => work.label_id && !work.tracking_number) ? LABEL_MS : WORK_MS) },
  );
}
