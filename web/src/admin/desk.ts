/** What a desk is: a place in the menu with pages of its own. */
import type { SvgIconComponent } from '@mui/icons-material';
import type { ComponentType, LazyExoticComponent } from 'react';
import type { AnySource } from './provide/source';
import type { Role } from './roles';

export const GROUPS = ['work', 'goods', 'money', 'running'] as const;

type Page = LazyExoticComponent<ComponentType>;

export interface Desk {
  /** The resource and the address: `/admin/NAME`. Its name in the menu is the text `desk.NAME`. */
  name: string;
  group: (typeof GROUPS)[number];
  icon: SvgIconComponent;
  /** Who sees it, as the services' routes have it; an admin sees everything. */
  roles: readonly Role[];
  source?: AnySource;
  /** Loaded when it is opened: `lazy(() => import('./returns/ReturnsPage'))`. */
  list: Page;
  show?: Page;
  edit?: Page;
  create?: Page;
  /** Further pages, at `/admin/NAME/PATH`. */
  pages?: readonly { path: string; page: Page }[];
}
