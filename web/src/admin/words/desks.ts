/** Texts of the desks. */
import type { Catalogue } from '../../words/words';

export const en = {} as const;

export const de: Catalogue<keyof typeof en> = {};
