/**
 * What the panel remembers in a browser: views that were saved, the theme, whether the menu is open. What a person looked for last
 * may name a customer, so filters of lists stay in memory, for as long as the page is open.
 */
import { localStorageStore, memoryStore, type Store } from 'react-admin';

const THEME = 'theme';
const THEME_PLACE = 'waybill.theme'; // the storefront's too

const isPassing = (key: string): boolean => /\.(listParams|selectedIds|lastUpdated)/.test(key);

export function preferences(): Store {
  const kept = localStorageStore('1', 'waybill.admin');
  const passing = memoryStore();
  const of = (key: string): Store => (isPassing(key) ? passing : kept);
  const theme = () => localStorage.getItem(THEME_PLACE) ?? undefined;
  return {
    setup: () => {
      kept.setup();
      passing.setup();
    },
    teardown: () => {
      kept.teardown();
      passing.teardown();
    },
    // biome-ignore lint/suspicious/noExplicitAny: the store's own signature
    getItem: (key: string, fallback?: any) => (key === THEME ? (theme() ?? fallback) : of(key).getItem(key, fallback)),
    setItem: (key, value) => {
      if (key === THEME) localStorage.setItem(THEME_PLACE, String(value));
      of(key).setItem(key, value);
    },
    removeItem: (key) => {
      if (key === THEME) localStorage.removeItem(THEME_PLACE);
      of(key).removeItem(key);
    },
    removeItems: (prefix) => {
      kept.removeItems(prefix);
      passing.removeItems(prefix);
    },
    listItems: (prefix) => ({ ...kept.listItems?.(prefix), ...passing.listItems?.(prefix) }),
    reset: () => {
      kept.reset();
      passing.reset();
    },
    subscribe: (key, callback) => of(key).subscribe(key, callback),
  };
}
