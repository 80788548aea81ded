/**
 * All texts of the admin panel: one file per area, each typed by its English catalogue. React-admin's own words stand under `ra.`;
 * `useWords` and react-admin's `useTranslate` read the same catalogue.
 */
import englishOfReactAdmin from 'ra-language-english';
import * as shared from '../../words/shared';
import type { Catalogue, Language } from '../../words/words';
import * as desks from './desks';
import { flat } from './flat';
import * as frame from './frame';
import * as orders from './orders';
import { germanOfReactAdmin } from './reactAdmin';

export const catalogues: Record<Language, Catalogue<string>> = {
  en: { ...flat(englishOfReactAdmin), ...shared.en, ...frame.en, ...orders.en, ...desks.en },
  de: { ...flat(germanOfReactAdmin), ...shared.de, ...frame.de, ...orders.de, ...desks.de },
};
