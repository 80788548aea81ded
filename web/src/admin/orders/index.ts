import ReceiptLong from '@mui/icons-material/ReceiptLong';
import { lazy } from 'react';
import type { Desk } from '../desk';
import { orderSource } from './source';

/** The orders: the list by any axis, and the page of each. */
export const orders: Desk = {
  name: 'orders',
  group: 'work',
  icon: ReceiptLong,
  roles: ['support', 'warehouse', 'finance', 'fraud_reviewer', 'auditor'],
  source: orderSource,
  list: lazy(() => import('./OrderList')),
  show: lazy(() => import('./page/OrderPage')),
};
