import { momentText, moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { Note } from '../parts/Note';
import { safeLink } from './facts';
import type { Order } from './useOrder';

/** What the customer has to do before the money is there. */
export function ToPay({ order }: { order: Order }) {
  const { t, locale } = useWords();
  const action = order.payment_action;
  if (!action || order.status !== 'Pending') return null;
  const until = momentText(action.deadline_at, locale);
  if (action.kind === 'transfer') {
    return (
      <Note kind="warn">
        <div>
          <p>{t('pay.transfer')}</p>
          <dl className="facts bare">
            <dt>{t('pay.amount')}</dt>
            <dd className="amount">{moneyText(order.total_amount, locale)}</dd>
            <dt>{t('pay.reference')}</dt>
            <dd className="number">{action.reference}</dd>
            <dt>{t('pay.until')}</dt>
            <dd>{until}</dd>
          </dl>
          <p>{t('pay.account', { email: String(order.contact.email ?? '') })}</p>
        </div>
      </Note>
    );
  }
  const link = safeLink(action.reference);
  return (
    <Note kind="warn">
      <p>{t('pay.challenge', { until })}</p>
      {link && (
        <a className="button primary" href={link} target="_blank" rel="noopener noreferrer">
          {t('pay.to_bank')}
        </a>
      )}
    </Note>
  );
}
