import { lazy, Suspense, useEffect } from 'react';
import { Link, Route, Switch, useLocation } from 'wouter';
import { Mishap } from '../look/Mishap';
import { session } from '../session/session';
import { useWords } from '../words/words';
import { CartKeeper } from './cart/CartKeeper';
import { Catalogue } from './catalogue/Catalogue';
import { skuOf } from './catalogue/products';
import { Footer, Header } from './parts/Header';
import { Page } from './parts/Page';
import { WayClosed } from './parts/signing';

// What a first visit does not show is loaded when it is opened.
const Product = lazy(() => import('./catalogue/Product'));
const CartPage = lazy(() => import('./cart/CartPage'));
const Checkout = lazy(() => import('./checkout/Checkout'));
const Orders = lazy(() => import('./orders/Orders'));
const OrderPage = lazy(() => import('./orders/OrderPage'));
const Tracking = lazy(() => import('./tracking/Tracking'));
const Account = lazy(() => import('./account/Account'));
const Developers = lazy(() => import('./developers/Developers'));

function SignedIn() {
  const [, navigate] = useLocation();
  const { t } = useWords();
  useEffect(() => {
    session.signedIn().then(
      (path) => {
        // The admin panel is a page of its own.
        if (path?.startsWith('/admin')) location.replace(path);
        else if (path) navigate(path, { replace: true });
      },
      () => navigate('/', { replace: true }), // an old address, or the way back taken twice
    );
  }, [navigate]);
  return <p className="page soft">{t('account.signing_in')}</p>;
}

function Nothing() {
  const { t } = useWords();
  return (
    <Page title={t('shop.no_page')} narrow>
      <p>{t('shop.no_page_text')}</p>
      <Link href="/" className="button">
        {t('shop.all')}
      </Link>
    </Page>
  );
}

export function Pages() {
  const { t } = useWords();
  const [path] = useLocation();
  return (
    <>
      <Header />
      <WayClosed />
      <CartKeeper />
      <Mishap place={path}>
        <Suspense fallback={<p className="page soft">{t('action.loading')}</p>}>
          <Switch>
            <Route path="/" component={Catalogue} />
            <Route path="/products/:sku">{({ sku }) => <Product key={sku} sku={skuOf(sku)} />}</Route>
            <Route path="/cart" component={CartPage} />
            <Route path="/checkout" component={Checkout} />
            <Route path="/orders" component={Orders} />
            <Route path="/orders/:id">{({ id }) => <OrderPage key={id} id={id} />}</Route>
            <Route path="/track/:token">{({ token }) => <Tracking key={token} token={token} />}</Route>
            <Route path="/account" component={Account} />
            <Route path="/developers" component={Developers} />
            <Route path="/signed-in" component={SignedIn} />
            <Route component={Nothing} />
          </Switch>
        </Suspense>
      </Mishap>
      <Footer />
    </>
  );
}
