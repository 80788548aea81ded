import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { Route, Switch, useLocation } from 'wouter';
import { api, told } from '../api/client';
import { moneyText } from '../look/money';
import { session } from '../session/session';
import { usePerson } from '../session/usePerson';
import { useWords } from '../words/words';

function Catalogue() {
  const { t, language } = useWords();
  const person = usePerson();
  const products = useQuery({ queryKey: ['products'], queryFn: () => told(api.GET('/api/products', { params: {} })) });
  return (
    <main>
      <h1>{t('shop.title')}</h1>
      {person ? (
        <p>{person.name}</p>
      ) : (
        <button type="button" onClick={() => session.signIn('/')}>
          {t('account.sign_in')}
        </button>
      )}
      <ul>
        {products.data?.items.map((product) => (
          <li key={product.product_id}>
            {product.name} {moneyText(product.price, language)}
          </li>
        ))}
      </ul>
    </main>
  );
}

function SignedIn() {
  const [, navigate] = useLocation();
  useEffect(() => {
    session.signedIn().then((path) => {
      // The admin panel is a page of its own.
      if (path?.startsWith('/admin')) location.replace(path);
      else if (path) navigate(path, { replace: true });
    });
  }, [navigate]);
  return null;
}

export function Pages() {
  return (
    <Switch>
      <Route path="/" component={Catalogue} />
      <Route path="/signed-in" component={SignedIn} />
    </Switch>
  );
}
