import { Link, useLocation } from 'wouter';
import { usePerson } from '../../session/usePerson';
import { useWords } from '../../words/words';
import { useCartCount } from '../cart/useCart';
import { LanguageSwitch, ThemeSwitch } from './Switches';
import { signIn } from './signing';

function Account() {
  const { t } = useWords();
  const person = usePerson();
  const [path] = useLocation();
  if (!person) {
    return (
      <button type="button" className="header-link" onClick={() => signIn(path + location.search)}>
        {t('account.sign_in')}
      </button>
    );
  }
  return (
    <>
      <Link href="/orders" className="header-link" aria-current={path.startsWith('/orders') ? 'page' : undefined}>
        {t('orders.title')}
      </Link>
      <Link
        href="/account"
        className="header-link"
        aria-label={t('account.of', { name: person.name })}
        aria-current={path === '/account' ? 'page' : undefined}
      >
        <svg
          className="name-icon"
          viewBox="0 0 24 24"
          width="22"
          height="22"
          fill="none"
          stroke="currentColor"
          strokeWidth="1.8"
          aria-hidden="true"
        >
          <path d="M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM5 20c0-8 14-8 14 0" />
        </svg>
        <span className="who">{person.name}</span>
      </Link>
    </>
  );
}

/** The head of every page: the shop, what is in the cart, who is signed in, language and theme. */
export function Header() {
  const { t } = useWords();
  const [path] = useLocation();
  const count = useCartCount();
  return (
    <header className="shop-header">
      <a className="skip" href="#main">
        {t('shop.skip')}
      </a>
      <div className="shop-header-row">
        <Link href="/" className="brand" aria-label={t('shop.name')} aria-current={path === '/' ? 'page' : undefined}>
          <img src="/logo.svg" alt="" width="28" height="28" />
          <span className="word">{t('shop.name')}</span>
        </Link>
        <nav aria-label={t('shop.navigation')}>
          <Account />
          <Link
            href="/cart"
            className="header-link cart-link"
            aria-label={t('cart.count', { smart_count: count })}
            aria-current={path === '/cart' ? 'page' : undefined}
          >
            <svg
              viewBox="0 0 24 24"
              width="22"
              height="22"
              fill="none"
              stroke="currentColor"
              strokeWidth="1.8"
              aria-hidden="true"
            >
              <path d="M5 8h14l-1.2 11.2a1 1 0 0 1-1 .8H7.2a1 1 0 0 1-1-.8zM9 11V6.5a3 3 0 0 1 6 0V11" />
            </svg>
            {count > 0 && <span className="cart-count">{count}</span>}
          </Link>
          <LanguageSwitch />
          <ThemeSwitch />
        </nav>
      </div>
    </header>
  );
}

export function Footer() {
  const { t } = useWords();
  return (
    <footer className="shop-footer">
      <p>{t('shop.demo')}</p>
      <nav aria-label={t('shop.more')}>
        <Link href="/developers">{t('developers.title')}</Link>
        <a href="/admin">{t('shop.admin')}</a>
      </nav>
    </footer>
  );
}
