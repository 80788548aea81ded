/**
 * The desks of the panel: each is named once here, with its place in the menu, who sees it (as the services' routes have it) and its
 * pages. The frame makes menu entries and addresses (`/admin/NAME`, `/admin/NAME/ID`) of them.
 */
import AccountBalance from '@mui/icons-material/AccountBalance';
import AltRoute from '@mui/icons-material/AltRoute';
import AssignmentReturn from '@mui/icons-material/AssignmentReturn';
import CardGiftcard from '@mui/icons-material/CardGiftcard';
import CurrencyExchange from '@mui/icons-material/CurrencyExchange';
import Description from '@mui/icons-material/Description';
import Drafts from '@mui/icons-material/Drafts';
import Gavel from '@mui/icons-material/Gavel';
import Inventory from '@mui/icons-material/Inventory';
import LocalOffer from '@mui/icons-material/LocalOffer';
import LocalShipping from '@mui/icons-material/LocalShipping';
import MarkEmailRead from '@mui/icons-material/MarkEmailRead';
import Payments from '@mui/icons-material/Payments';
import Percent from '@mui/icons-material/Percent';
import Policy from '@mui/icons-material/Policy';
import PolicyOutlined from '@mui/icons-material/PolicyOutlined';
import PriceChange from '@mui/icons-material/PriceChange';
import ReceiptLong from '@mui/icons-material/ReceiptLong';
import ReportProblem from '@mui/icons-material/ReportProblem';
import SmsFailed from '@mui/icons-material/SmsFailed';
import Undo from '@mui/icons-material/Undo';
import Warehouse from '@mui/icons-material/Warehouse';
import { type ComponentType, lazy } from 'react';
import type { Desk } from '../desk';

/** Take one page of a module, loaded when it is opened. */
const page = <Name extends string>(load: () => Promise<Record<Name, ComponentType>>, name: Name) =>
  lazy(async () => ({ default: (await load())[name] }));

const MONEY = ['finance', 'support', 'auditor'] as const;
const GOODS = ['warehouse', 'auditor'] as const;
const TERMS = ['support', 'finance', 'auditor', 'warehouse'] as const;
const RISK = ['fraud_reviewer', 'support', 'auditor'] as const;

export const desks: readonly Desk[] = [
  {
    name: 'shipping',
    group: 'work',
    icon: LocalShipping,
    roles: ['support', 'warehouse'],
    list: page(() => import('./shipping/ShippingDesk'), 'ShippingDesk'),
    pages: [{ path: 'picks', page: page(() => import('./shipping/PickList'), 'PickList') }],
  },
  {
    name: 'returns',
    group: 'work',
    icon: AssignmentReturn,
    roles: ['support', 'warehouse', 'finance', 'auditor'],
    list: page(() => import('./returns/ReturnsDesk'), 'ReturnsDesk'),
    pages: [{ path: ':orderId/:returnId', page: page(() => import('./returns/ReturnPage'), 'ReturnPage') }],
  },
  {
    name: 'reviews',
    group: 'work',
    icon: Policy,
    roles: RISK,
    list: page(() => import('./risk/ReviewsDesk'), 'ReviewsDesk'),
  },
  {
    name: 'products',
    group: 'goods',
    icon: LocalOffer,
    roles: GOODS,
    list: page(() => import('./catalogue/ProductsDesk'), 'ProductsDesk'),
    edit: page(() => import('./catalogue/ProductPage'), 'ProductPage'),
    create: page(() => import('./catalogue/ProductPage'), 'NewProductPage'),
  },
  {
    name: 'stock',
    group: 'goods',
    icon: Inventory,
    roles: GOODS,
    list: page(() => import('./stock/StockDesk'), 'StockDesk'),
    pages: [
      { path: 'stocktake', page: page(() => import('./stock/Stocktake'), 'Stocktake') },
      { path: ':sku/movements', page: page(() => import('./stock/Movements'), 'Movements') },
    ],
  },
  {
    name: 'warehouses',
    group: 'goods',
    icon: Warehouse,
    roles: GOODS,
    list: page(() => import('./catalogue/WarehousesDesk'), 'WarehousesDesk'),
  },
  {
    name: 'routing',
    group: 'goods',
    icon: AltRoute,
    roles: GOODS,
    list: page(() => import('./catalogue/RoutingDesk'), 'RoutingDesk'),
  },
  {
    name: 'shipping-methods',
    group: 'goods',
    icon: PriceChange,
    roles: TERMS,
    list: page(() => import('./terms/ShippingMethodsDesk'), 'ShippingMethodsDesk'),
  },
  {
    name: 'return-policy',
    group: 'goods',
    icon: Undo,
    roles: TERMS,
    list: page(() => import('./terms/ReturnPolicyDesk'), 'ReturnPolicyDesk'),
  },
  {
    name: 'payments',
    group: 'money',
    icon: Payments,
    roles: MONEY,
    list: page(() => import('./payments/PaymentsDesk'), 'PaymentsDesk'),
    edit: page(() => import('./payments/PaymentPage'), 'PaymentPage'),
  },
  {
    name: 'refunds',
    group: 'money',
    icon: CurrencyExchange,
    roles: MONEY,
    list: page(() => import('./payments/RefundsDesk'), 'RefundsDesk'),
  },
  {
    name: 'incidents',
    group: 'money',
    icon: ReportProblem,
    roles: MONEY,
    list: page(() => import('./payments/IncidentsDesk'), 'IncidentsDesk'),
  },
  {
    name: 'disputes',
    group: 'money',
    icon: Gavel,
    roles: MONEY,
    list: page(() => import('./payments/DisputesDesk'), 'DisputesDesk'),
  },
  {
    name: 'transfers',
    group: 'money',
    icon: AccountBalance,
    roles: MONEY,
    list: page(() => import('./payments/TransfersDesk'), 'TransfersDesk'),
  },
  {
    name: 'settlements',
    group: 'money',
    icon: ReceiptLong,
    roles: ['finance', 'auditor'],
    list: page(() => import('./payments/SettlementsDesk'), 'SettlementsDesk'),
  },
  {
    name: 'gift-cards',
    group: 'money',
    icon: CardGiftcard,
    roles: MONEY,
    list: page(() => import('./payments/GiftCardsDesk'), 'GiftCardsDesk'),
  },
  {
    name: 'documents',
    group: 'money',
    icon: Description,
    roles: MONEY,
    list: page(() => import('./operations/DocumentsDesk'), 'DocumentsDesk'),
  },
  {
    name: 'tax-rates',
    group: 'money',
    icon: Percent,
    roles: TERMS,
    list: page(() => import('./terms/TaxRatesDesk'), 'TaxRatesDesk'),
  },
  {
    name: 'dead-letters',
    group: 'running',
    icon: SmsFailed,
    roles: ['support', 'auditor'],
    list: page(() => import('./operations/DeadLettersDesk'), 'DeadLettersDesk'),
  },
  {
    name: 'notifications',
    group: 'running',
    icon: MarkEmailRead,
    roles: ['support', 'auditor'],
    list: page(() => import('./operations/NotificationsDesk'), 'NotificationsDesk'),
  },
  {
    name: 'templates',
    group: 'running',
    icon: Drafts,
    roles: ['support', 'auditor'],
    list: page(() => import('./operations/TemplatesDesk'), 'TemplatesDesk'),
  },
  {
    name: 'risk-rules',
    group: 'running',
    icon: PolicyOutlined,
    roles: RISK,
    list: page(() => import('./risk/RiskRulesDesk'), 'RiskRulesDesk'),
  },
];
