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
import * as order from './order';
import * as orders from './orders';
import * as problems from './problems';
import { germanOfReactAdmin } from './reactAdmin';
import * as saga from './saga';
import * as states from './states';

/** The catalogues by area; no two of them have the same key, or one would silently change the other's text. */
export const areas = [shared, frame, states, problems, orders, order, saga, desks];

export const catalogues: Record<Language, Catalogue<string>> = {
  en: Object.assign(flat(englishOfReactAdmin), ...areas.map((area) => area.en)),
  de: Object.assign(flat(germanOfReactAdmin), ...areas.map((area) => area.de)),
};
