/**
 * All texts of a page, by language: catalogues are typed by the English one, so a missing or surplus German text does not compile.
 * Plural forms are written `one |||| other`, and placeholders `%{name}`, as Polyglot reads them.
 */
import Polyglot from 'node-polyglot';
import { createContext, type ReactNode, useContext, useMemo, useState } from 'react';

export type Language = 'en' | 'de';
export type Catalogue<Keys extends string> = Record<Keys, string>;
type Options = Record<string, string | number>;

interface Words {
  language: Language;
  /** How amounts and days are written: the language in the way of the browser's region, where it has one. */
  locale: string;
  setLanguage: (language: Language) => void;
  t: (key: string, options?: Options) => string;
  /** Answer whether there is a text: for keys that are made of values of the services. */
  has: (key: string) => boolean;
}

const PLACE = 'waybill.language';
const Context = createContext<Words | null>(null);

/** The language a person chose before, or the first of the browser's that we speak. */
export function preferredLanguage(): Language {
  const chosen = localStorage.getItem(PLACE) ?? navigator.languages.find((tag) => /^(en|de)\b/.test(tag));
  return chosen?.startsWith('de') ? 'de' : 'en';
}

export function WordsProvider({
  catalogues,
  children,
}: {
  catalogues: Record<Language, Catalogue<string>>;
  children: ReactNode;
}) {
  const [language, setLanguage] = useState(preferredLanguage);
  const words = useMemo<Words>(() => {
    const polyglot = new Polyglot({ locale: language, phrases: catalogues[language] });
    document.documentElement.lang = language;
    return {
      language,
      locale: navigator.languages.find((tag) => tag.startsWith(`${language}-`)) ?? language,
      setLanguage: (next) => {
        localStorage.setItem(PLACE, next);
        setLanguage(next);
      },
      t: (key, options) => polyglot.t(key, options ?? {}),
      has: (key) => polyglot.has(key),
    };
  }, [language, catalogues]);
  return <Context.Provider value={words}>{children}</Context.Provider>;
}

export function useWords(): Words {
  const words = useContext(Context);
  if (!words) throw new Error('useWords needs a WordsProvider above it');
  return words;
}
