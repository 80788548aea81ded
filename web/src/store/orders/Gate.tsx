import type { ReactNode } from 'react';
import { useLocation } from 'wouter';
import { usePerson } from '../../session/usePerson';
import { useWords } from '../../words/words';
import { isCustomer } from '../cart/useCart';
import { Page } from '../parts/Page';
import { signIn } from '../parts/signing';

/** Shows what is a customer's own to customers alone; others are asked to sign in and come back here. */
export function Gate({ children }: { children: ReactNode }) {
  const { t } = useWords();
  const person = usePerson();
  const [path] = useLocation();
  if (isCustomer(person)) return children;
  return (
    <Page title={t('account.needed')} narrow>
      <p>{t(person ? 'account.not_customer' : 'account.needed_text')}</p>
      <div>
        <button type="button" className="button primary" onClick={() => signIn(path)}>
          {t('account.sign_in')}
        </button>
      </div>
    </Page>
  );
}
