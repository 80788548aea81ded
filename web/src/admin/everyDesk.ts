/** All desks of the panel, in the order of the menu. */
import type { Desk } from './desk';
import { desks } from './desks';
import { orders } from './orders';
import { may } from './roles';

export const everyDesk: readonly Desk[] = [orders, ...desks];

/** List the desks that are open to somebody with these roles. */
export const openTo = (roles: ReadonlySet<string>): Desk[] => everyDesk.filter((desk) => may(roles, desk.roles));
