import { useQuery } from '@tanstack/react-query';
import { useCallback } from 'react';
import { Link, useLocation } from 'wouter';
import { api, told } from '../../api/client';
import type { Person } from '../../session/session';
import { usePerson } from '../../session/usePerson';
import { useWords } from '../../words/words';
import { isCustomer, useCart } from '../cart/useCart';
import { Failure } from '../parts/Note';
import { Page } from '../parts/Page';
import { signIn } from '../parts/signing';
import { CheckoutForm } from './CheckoutForm';
import { blankDraft, draftLike, forgetDraft, readDraft } from './draft';
import { usePlacing } from './placing';

function SignInFirst() {
  const { t } = useWords();
  return (
    <Page title={t('checkout.title')} narrow>
      <p>{t('checkout.sign_in')}</p>
      <div>
        <button type="button" className="button primary big" onClick={() => signIn('/checkout')}>
          {t('checkout.sign_in_button')}
        </button>
      </div>
      <Link href="/cart">{t('checkout.change_cart')}</Link>
    </Page>
  );
}

/** What is shown while an order is on its way, and where it is unknown what became of it. */
function OnItsWay({ placement }: { placement: ReturnType<typeof usePlacing> }) {
  const { t } = useWords();
  return (
    <Page title={t('checkout.placing')} narrow>
      {placement.stuck ? (
        <>
          <Failure error={placement.stuck} again={placement.again} focused />
          <p>{t('checkout.unknown')}</p>
          <div>
            <button type="button" className="button quiet" onClick={placement.giveUp}>
              {t('checkout.give_up')}
            </button>
          </div>
        </>
      ) : (
        <div className="empty" role="status">
          <span className="spinner" aria-hidden="true" />
          <p>{t('checkout.placing_text')}</p>
        </div>
      )}
    </Page>
  );
}

function Customers({ person }: { person: Person }) {
  const { t } = useWords();
  const [, navigate] = useLocation();
  const done = useCallback(
    (orderId: string) => {
      forgetDraft();
      navigate(`/orders/${orderId}?placed`, { replace: true });
    },
    [navigate],
  );
  const placement = usePlacing(person.id, done);
  const cart = useCart();
  const kept = readDraft(person.id);
  const last = useQuery({
    queryKey: ['orders', 'last'],
    queryFn: () => told(api.GET('/api/orders', { params: { query: { limit: 1 } } })),
    enabled: kept === null,
  });

  if (placement.placing) return <OnItsWay placement={placement} />;
  const waiting = cart.loading || (kept === null && last.isPending);
  const [order] = last.data?.items ?? [];
  return (
    <Page title={t('checkout.title')}>
      {cart.error && <Failure error={cart.error} again={cart.again} />}
      {waiting && !cart.error && <p className="soft">{t('action.loading')}</p>}
      {!waiting && cart.lines.length === 0 && (
        <div className="empty">
          <p>{t('cart.empty')}</p>
          <Link href="/" className="button primary">
            {t('cart.look_around')}
          </Link>
        </div>
      )}
      {!waiting && cart.lines.length > 0 && (
        <CheckoutForm
          userId={person.id}
          cart={cart}
          initial={kept ?? (order ? draftLike(order) : blankDraft())}
          placement={placement}
        />
      )}
    </Page>
  );
}

/** From the cart to a placed order. */
export default function Checkout() {
  const { t } = useWords();
  const person = usePerson();
  if (!person) return <SignInFirst />;
  if (!isCustomer(person)) {
    return (
      <Page title={t('checkout.title')} narrow>
        <p>{t('account.not_customer')}</p>
        <div>
          <button type="button" className="button primary" onClick={() => signIn('/checkout')}>
            {t('checkout.sign_in_button')}
          </button>
        </div>
      </Page>
    );
  }
  return <Customers person={person} />;
}
