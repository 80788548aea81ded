import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, told } from '../../api/client';
import { Problem } from '../../api/problem';
import { type Money, moneyText } from '../../look/money';
import { useProblemText } from '../../words/useProblemText';
import { useWords } from '../../words/words';
import { Field } from '../parts/Field';
import type { PaymentDraft, PaymentMethod } from './draft';

/** The cards that the payment simulator knows, by what becomes of them. */
const CARDS = ['tok_ok', 'tok_3ds', 'tok_declined', 'tok_insufficient_funds', 'tok_slow', 'tok_timeout_captured'];
const METHODS: PaymentMethod[] = ['card', 'bank_transfer', 'cash_on_delivery', 'gift_card'];
const SHORTEST_CODE = 8;

export const isCode = (text: string) => /^[A-Za-z0-9 -]{8,40}$/.test(text.trim());

/** What can be paid with a gift card; null where there is none of that code. */
export const balanceQuery = (code: string) => ({
  queryKey: ['gift-card', code.trim()],
  queryFn: async () => {
    try {
      return await told(api.GET('/api/gift-cards/{code}/balance', { params: { path: { code: code.trim() } } }));
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return null;
      throw error;
    }
  },
});

/** The cards to choose from. */
export function Cards({
  chosen,
  onChoose,
  error,
}: {
  chosen: string;
  onChoose: (token: string) => void;
  error?: string | undefined;
}) {
  const { t } = useWords();
  return (
    <fieldset className="options" aria-describedby={error ? 'cards-error' : undefined}>
      <legend>{t('payment.which_card')}</legend>
      <p className="hint">{t('payment.simulated')}</p>
      {CARDS.map((token) => (
        <label key={token} className="option">
          <input
            type="radio"
            name="payment.token"
            value={token}
            checked={chosen === token}
            aria-invalid={error ? true : undefined}
            onChange={() => onChoose(token)}
          />
          <span>
            {t(`card.${token}`)} <span className="soft">{t(`card.${token}.text`)}</span>
          </span>
        </label>
      ))}
      {error && (
        <p id="cards-error" className="field-error">
          {error}
        </p>
      )}
    </fieldset>
  );
}

function GiftCard({ code, onChange, error }: { code: string; onChange: (code: string) => void; error?: string | undefined }) {
  const { t, locale } = useWords();
  const say = useProblemText();
  const [asked, setAsked] = useState(isCode(code));
  const balance = useQuery({ ...balanceQuery(code), enabled: asked && isCode(code) });
  const wrong = () => {
    if (asked && balance.data === null) return t('payment.no_gift_card');
    if (asked && balance.error) return say(balance.error);
    return error;
  };
  return (
    <div className="gift-card">
      <Field
        label={t('payment.gift_code')}
        name="payment.gift_card"
        value={code}
        autoComplete="off"
        spellCheck={false}
        minLength={SHORTEST_CODE}
        maxLength={40}
        error={wrong()}
        onChange={(event) => {
          setAsked(false);
          onChange(event.target.value);
        }}
        onBlur={() => setAsked(isCode(code))}
      />
      <button type="button" className="button" disabled={!isCode(code)} onClick={() => setAsked(true)}>
        {t('payment.check_balance')}
      </button>
      <output className="gift-balance">
        {asked && balance.data && t('payment.balance', { balance: moneyText(balance.data.balance, locale) })}
      </output>
    </div>
  );
}

interface Props {
  payment: PaymentDraft;
  onChange: (payment: PaymentDraft) => void;
  wrong: (field: string) => string | undefined;
  /** What a gift card leaves to be paid by card; null where it pays all or is not known. */
  rest: Money | null;
}

/** How the order is paid. */
export function Payment({ payment, onChange, wrong, rest }: Props) {
  const { t, locale } = useWords();
  const cards = (
    <Cards chosen={payment.card} onChoose={(card) => onChange({ ...payment, card })} error={wrong('payment.token')} />
  );
  return (
    <fieldset className="options">
      <legend className="unseen">{t('payment.title')}</legend>
      {METHODS.map((method) => (
        <div key={method} className={payment.method === method ? 'option-box chosen' : 'option-box'}>
          <label className="option">
            <input
              type="radio"
              name="payment.method"
              value={method}
              checked={payment.method === method}
              onChange={() => onChange({ ...payment, method })}
            />
            <span>
              <strong>{t(`payment.${method}`)}</strong> <span className="soft">{t(`payment.${method}.text`)}</span>
            </span>
          </label>
          {payment.method === method && method === 'card' && cards}
          {payment.method === method && method === 'gift_card' && (
            <>
              <GiftCard
                code={payment.gift_card}
                error={wrong('payment.gift_card')}
                onChange={(gift_card) => onChange({ ...payment, gift_card })}
              />
              {rest && (
                <>
                  <p>{t('payment.rest_by_card', { rest: moneyText(rest, locale) })}</p>
                  {cards}
                </>
              )}
            </>
          )}
        </div>
      ))}
    </fieldset>
  );
}
