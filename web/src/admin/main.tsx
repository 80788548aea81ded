import { Admin, ListGuesser, Resource } from 'react-admin';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router-dom';
import { Styled } from './Styled';

createRoot(document.getElementById('root') as HTMLElement).render(
  <Styled>
    <BrowserRouter basename="/admin">
      <Admin>
        <Resource name="orders" list={ListGuesser} />
      </Admin>
    </BrowserRouter>
  </Styled>,
);
