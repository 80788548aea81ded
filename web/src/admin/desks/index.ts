/**
 * The desks of the panel: each is named once here, with its place in the menu, who sees it, where its rows come from and its pages.
 * The frame makes menu entries and addresses (`/admin/NAME`, `/admin/NAME/ID/show`) of them.
 */
import type { Desk } from '../desk';

export const desks: readonly Desk[] = [];
