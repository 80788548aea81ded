import { Link } from 'wouter';
import { chooseTheme, THEMES, useTheme } from '../../look/theme';
import { usePerson } from '../../session/usePerson';
import { useWords } from '../../words/words';
import { isCustomer } from '../cart/useCart';
import { Page } from '../parts/Page';
import { signIn, signOut } from '../parts/signing';

/** Who is signed in, and how the shop looks and speaks to them. */
export default function Account() {
  const { t, language, setLanguage } = useWords();
  const person = usePerson();
  const theme = useTheme();
  return (
    <Page title={t('account.title')} narrow>
      {person ? (
        <section className="card">
          <dl className="facts bare">
            <dt>{t('account.name')}</dt>
            <dd>
              <strong>{person.name}</strong>
            </dd>
            <dt>{t('account.roles')}</dt>
            <dd>{[...person.roles].join(', ')}</dd>
          </dl>
          <div className="buttons">
            {isCustomer(person) && (
              <Link href="/orders" className="button">
                {t('account.your_orders')}
              </Link>
            )}
            <button type="button" className="button quiet" onClick={signOut}>
              {t('account.sign_out')}
            </button>
          </div>
        </section>
      ) : (
        <div>
          <button type="button" className="button primary" onClick={() => signIn('/account')}>
            {t('account.sign_in')}
          </button>
        </div>
      )}
      <fieldset className="options card">
        <legend>{t('account.language')}</legend>
        {(['en', 'de'] as const).map((one) => (
          <label key={one} className="option">
            <input type="radio" name="language" checked={language === one} onChange={() => setLanguage(one)} />
            <span lang={one}>{one === 'de' ? 'Deutsch' : 'English'}</span>
          </label>
        ))}
      </fieldset>
      <fieldset className="options card">
        <legend>{t('account.theme')}</legend>
        {THEMES.map((one) => (
          <label key={one} className="option">
            <input type="radio" name="theme" checked={theme === one} onChange={() => chooseTheme(one)} />
            <span>{t(`account.theme.${one}`)}</span>
          </label>
        ))}
      </fieldset>
    </Page>
  );
}
