import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router-dom';
import '../look/look.css';
import { Mishap } from '../look/Mishap';
import { reloadWhereScriptsAreGone } from '../look/scripts';
import { WordsProvider } from '../words/words';
import { Gate } from './frame/Gate';
import { Panel } from './Panel';
import { Styled } from './Styled';
import { catalogues } from './words';

reloadWhereScriptsAreGone();

createRoot(document.getElementById('root') as HTMLElement).render(
  <Styled>
    <WordsProvider catalogues={catalogues}>
      <BrowserRouter basename="/admin">
        <Mishap place="panel">
          <Gate>
            <Panel />
          </Gate>
        </Mishap>
      </BrowserRouter>
    </WordsProvider>
  </Styled>,
);
