import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router-dom';
import '../look/look.css';
import { WordsProvider } from '../words/words';
import { Gate } from './frame/Gate';
import { Panel } from './Panel';
import { Styled } from './Styled';
import { catalogues } from './words';

createRoot(document.getElementById('root') as HTMLElement).render(
  <Styled>
    <WordsProvider catalogues={catalogues}>
      <BrowserRouter basename="/admin">
        <Gate>
          <Panel />
        </Gate>
      </BrowserRouter>
    </WordsProvider>
  </Styled>,
);
