import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createRoot } from 'react-dom/client';
import '../look/look.css';
import './store.css';
import './forms.css';
import './pages.css';
import { Mishap } from '../look/Mishap';
import { reloadWhereScriptsAreGone } from '../look/scripts';
import { wearTheme } from '../look/theme';
import { WeatherNotice } from '../look/Weather';
import { SignInAgain } from '../session/SignInAgain';
import { session } from '../session/session';
import { WordsProvider } from '../words/words';
import { Pages } from './Pages';
import * as words from './words';

// The client itself waits for the network and repeats: a query that is paused while offline would not say so.
const queries = new QueryClient({
  defaultOptions: { queries: { retry: false, staleTime: 5_000, networkMode: 'always' }, mutations: { networkMode: 'always' } },
});
wearTheme();
reloadWhereScriptsAreGone();

const show = () =>
  createRoot(document.getElementById('root') as HTMLElement).render(
    <WordsProvider catalogues={words}>
      <QueryClientProvider client={queries}>
        <WeatherNotice />
        <Mishap place="shop">
          <Pages />
        </Mishap>
        <SignInAgain />
      </QueryClientProvider>
    </WordsProvider>,
  );

// Nothing is asked of the services before it is known who asks; without settings the page is shown to a guest.
session.begin().then(show, show);
