import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createRoot } from 'react-dom/client';
import '../look/look.css';
import './store.css';
import { WeatherNotice } from '../look/Weather';
import { SignInAgain } from '../session/SignInAgain';
import { session } from '../session/session';
import { WordsProvider } from '../words/words';
import { Pages } from './Pages';
import * as words from './words';

const queries = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: 5_000 } } });
void session.begin();

createRoot(document.getElementById('root') as HTMLElement).render(
  <WordsProvider catalogues={words}>
    <QueryClientProvider client={queries}>
      <WeatherNotice />
      <Pages />
      <SignInAgain />
    </QueryClientProvider>
  </WordsProvider>,
);
