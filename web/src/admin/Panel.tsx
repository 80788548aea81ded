import { QueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { Admin, type I18nProvider, Resource } from 'react-admin';
import { Route } from 'react-router-dom';
import { usePerson } from '../session/usePerson';
import { type Language, useWords } from '../words/words';
import { StartPage } from './desks/start';
import { everyDesk, openTo } from './everyDesk';
import { Frame } from './frame/Frame';
import { authProvider } from './provide/authProvider';
import { makeDataProvider } from './provide/dataProvider';
import { preferences } from './provide/preferences';
import { darkTheme, lightTheme } from './theme';

const sources = Object.fromEntries(everyDesk.flatMap(({ name, source }) => (source ? [[name, source]] : [])));
const dataProvider = makeDataProvider(sources);
const store = preferences();
// Calls repeat themselves where the way is closed (`api/client`); what they refuse stays refused.
const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: false, staleTime: 2_000, networkMode: 'always' }, mutations: { networkMode: 'always' } },
});

/** The panel of somebody who is let in: react-admin over our desks, session, texts and services. */
export function Panel() {
  const { t, language, setLanguage } = useWords();
  const person = usePerson();
  const i18nProvider = useMemo<I18nProvider>(
    () => ({
      translate: (key, options) => t(key, options),
      changeLocale: async (locale) => setLanguage(locale as Language),
      getLocale: () => language,
    }),
    [t, language, setLanguage],
  );
  return (
    <Admin
      dataProvider={dataProvider}
      authProvider={authProvider}
      i18nProvider={i18nProvider}
      queryClient={queryClient}
      store={store}
      layout={Frame}
      dashboard={StartPage}
      lightTheme={lightTheme}
      theme={lightTheme}
      darkTheme={darkTheme}
      disableTelemetry
    >
      {openTo(person?.roles ?? new Set()).map(({ name, list, show, edit, create, icon, pages = [] }) => (
        <Resource key={name} name={name} list={list} show={show} edit={edit} create={create} icon={icon}>
          {pages.map(({ path, page: Page }) => (
            <Route key={path} path={path} element={<Page />} />
          ))}
        </Resource>
      ))}
    </Admin>
  );
}
