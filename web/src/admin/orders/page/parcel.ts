/** What can be done with a parcel in its state, and how the service is asked for it. */
import { api, told } from '../../../api/client';
import type { Values } from '../../parts/useDraft';
import { unitsOf } from './units';
import type { Order, Shipment } from './useOrder';

export type ParcelAction =
  | 'dispatch'
  | 'deliver'
  | 'release'
  | 'hold'
  | 'label'
  | 'open_label'
  | 'void_label'
  | 'split'
  | 'merge'
  | 'move';

const units = (parcel: Shipment): number => parcel.lines.reduce((sum, line) => sum + line.quantity, 0);

/** The parcels that may leave with this one: not sent, of the same warehouse, without a label. */
const companions = (order: Order, parcel: Shipment): Shipment[] =>
  order.shipments.filter(
    (one) =>
      one.shipment_id !== parcel.shipment_id &&
      one.status === 'planned' &&
      one.label_id === null &&
      one.warehouse_id === parcel.warehouse_id,
  );

/** List what can be done now, the next step first. */
export function parcelActions(order: Order, parcel: Shipment): ParcelAction[] {
  if (order.order_state !== 'confirmed') return [];
  if (parcel.status === 'held') return ['release'];
  if (parcel.status === 'dispatched') return parcel.label_id ? ['deliver', 'open_label'] : ['deliver'];
  if (parcel.status !== 'planned') return [];
  if (parcel.label_id)
    return parcel.tracking_number ? ['dispatch', 'open_label', 'void_label', 'hold'] : ['hold', 'void_label'];
  const plan: ParcelAction[] = ['dispatch', 'label', 'hold', 'move'];
  if (units(parcel) > 1) plan.push('split');
  if (companions(order, parcel).length > 0) plan.push('merge');
  return plan;
}

export function sendParcelAction(
  action: ParcelAction,
  order: Order,
  parcel: Shipment,
  values: Values,
  intention: string,
  version: string | null,
): Promise<unknown> {
  const path = { order_id: order.order_id, shipment_id: parcel.shipment_id };
  const header = { 'Idempotency-Key': intention };
  const params = { path, header };
  const ifUnchanged = { path, header: { ...header, ...(version ? { 'If-Match': version } : {}) } };
  switch (action) {
    case 'dispatch': {
      const body = { carrier: values.carrier?.trim() || null, tracking_number: values.tracking_number?.trim() || null };
      return told(api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/dispatch', { params: ifUnchanged, body }));
    }
    case 'deliver':
      return told(api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/deliver', { params: ifUnchanged }));
    case 'hold':
      return told(
        api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/hold', {
          params,
          body: { reason: values.reason ?? '' },
        }),
      );
    case 'release':
      return told(api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/release', { params }));
    case 'move': {
      const body = { warehouse_id: values.warehouse_id?.trim() ?? '' };
      return told(api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/move', { params, body }));
    }
    case 'split':
      return told(
        api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/split', { params, body: { lines: unitsOf(values) } }),
      );
    case 'merge': {
      const body = { shipment_ids: companions(order, parcel).map((one) => one.shipment_id) };
      return told(api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/merge', { params, body }));
    }
    case 'void_label':
      return told(api.DELETE('/api/admin/orders/{order_id}/shipments/{shipment_id}/label', { params }));
    case 'label': {
      const [carrier, service] = (values.offer ?? '').split('\n');
      const body = { carrier: carrier || null, service: service || null };
      return told(api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/label', { params, body }));
    }
    case 'open_label':
      throw new Error('a label is downloaded, not sent');
  }
}
