/** Who may do what: the roles of the services, read from the token. The services decide; the panel only leaves out what they refuse. */
import { usePerson } from '../session/usePerson';

export const ROLES = ['support', 'warehouse', 'finance', 'fraud_reviewer', 'auditor'] as const;
export type Role = (typeof ROLES)[number];

/** Answer whether somebody with these roles may do what is open to `allowed`; an admin always may. */
export const may = (roles: ReadonlySet<string>, allowed: readonly Role[]): boolean =>
  roles.has('admin') || allowed.some((role) => roles.has(role));

/** Answer whether the person who is signed in may do what is open to `allowed`. */
export function useMay(...allowed: Role[]): boolean {
  const person = usePerson();
  return person !== null && may(person.roles, allowed);
}
