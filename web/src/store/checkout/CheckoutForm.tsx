import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';
import { api, told } from '../../api/client';
import { Problem } from '../../api/problem';
import { type Money, moneyText } from '../../look/money';
import { useProblemText } from '../../words/useProblemText';
import { useWords } from '../../words/words';
import type { Cart } from '../cart/useCart';
import { Field } from '../parts/Field';
import { Failure, Note } from '../parts/Note';
import { AddressFields } from './AddressFields';
import { checkDraft, type Wrongs } from './checks';
import { countryOf } from './countries';
import { type Draft, keepDraft, orderBody } from './draft';
import { balanceQuery, isCode, Payment } from './Payment';
import type { usePlacing } from './placing';
import { type Quote, Totals, Ways } from './Review';

/** What the cart costs, sent to where the draft says. */
function useQuote(cart: Cart, draft: Draft) {
  const { country, region } = draft.shipping;
  const ready = !countryOf(country).region?.required || region !== '';
  const contents = cart.lines.map((line) => `${line.product_id}:${line.quantity}`).join();
  return useQuery({
    queryKey: ['quote', contents, country, region, draft.way],
    queryFn: async () => {
      const quote = (way: string | null) =>
        told(
          api.POST('/api/orders/quote', { body: { destination: { country, region: region || null }, shipping_method: way } }),
        );
      try {
        return await quote(draft.way);
      } catch (error) {
        // The way that was chosen does not go there: then the cheapest that does.
        if (draft.way && error instanceof Problem && error.slug === 'no-shipping-method') return quote(null);
        throw error;
      }
    },
    enabled: ready,
    placeholderData: keepPreviousData,
  });
}

/** The way that was chosen, shown as such at once, before it is reckoned with; else the one that is. */
const chosenWay = (quote: Quote, wish: string | null): string | null =>
  quote.shipping_methods.some((offer) => offer.method_id === wish) ? wish : quote.shipping_method;

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="checkout-section">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

interface Props {
  userId: string;
  cart: Cart;
  initial: Draft;
  placement: ReturnType<typeof usePlacing>;
}

export function CheckoutForm({ userId, cart, initial, placement }: Props) {
  const { t, language, locale } = useWords();
  const say = useProblemText();
  const [draft, setDraft] = useState(initial);
  const [wrongs, setWrongs] = useState<Wrongs>({});
  const form = useRef<HTMLFormElement>(null);
  const quote = useQuote(cart, draft);
  const { outcome } = placement;
  const refusal = outcome?.kind === 'failed' && outcome.error instanceof Problem ? outcome.error : null;
  const total = quote.data?.total_amount;

  const byGift = draft.payment.method === 'gift_card';
  const gift = useQuery({ ...balanceQuery(draft.payment.gift_card), enabled: byGift && isCode(draft.payment.gift_card) });
  const left = total && gift.data ? Math.max(0, total.amount - gift.data.balance.amount) : null;
  const giftPaysAll = byGift && left === 0;
  const rest: Money | null = total && left ? { ...total, amount: left } : null;

  useEffect(() => keepDraft(userId, draft), [userId, draft]);

  const change = (part: Partial<Draft>) => setDraft((before) => ({ ...before, ...part }));
  const wrong = (field: string) => {
    const found = wrongs[field];
    return found ? t(found.key, { example: found.example ?? '' }) : refusal?.of(field);
  };

  const submit = () => {
    const found = checkDraft(draft, { known: gift.data != null, paysAll: giftPaysAll });
    setWrongs(found);
    const [first] = Object.keys(found);
    if (first) {
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
      return;
    }
    if (!quote.data || quote.isPlaceholderData) return;
    const shown = { total: quote.data.total_amount, way: quote.data.shipping_method, giftPaysAll, language };
    placement.place(
      orderBody(draft, shown),
      cart.lines.map((line) => [line.product_id, line.quantity]),
    );
  };

  return (
    <form
      ref={form}
      className="checkout"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div className="checkout-main">
        {outcome?.kind === 'refused' && (
          <Note kind="bad" focused>
            <p>{t(`refused.${outcome.reason}`)}</p>
          </Note>
        )}
        {outcome?.kind === 'price' && (
          <Note kind="warn" focused>
            <p>
              {t('checkout.price_changed', {
                before: moneyText(outcome.before, locale),
                now: moneyText(outcome.now, locale),
              })}
            </p>
          </Note>
        )}
        {outcome?.kind === 'failed' && (
          <Note kind="bad" focused>
            <p>{say(outcome.error)}</p>
          </Note>
        )}

        <Section title={t('checkout.contact')}>
          <Field
            label={t('contact.email')}
            type="email"
            name="contact.email"
            autoComplete="email"
            required
            maxLength={254}
            value={draft.email}
            hint={t('contact.email_hint')}
            error={wrong('contact.email')}
            onChange={(event) => change({ email: event.target.value })}
          />
          <Field
            label={t('contact.phone')}
            optional={t('form.optional')}
            type="tel"
            name="contact.phone"
            autoComplete="tel"
            maxLength={30}
            value={draft.phone}
            hint={t('contact.phone_hint')}
            error={wrong('contact.phone')}
            onChange={(event) => change({ phone: event.target.value })}
          />
        </Section>

        <Section title={t('checkout.address')}>
          <AddressFields
            at="shipping_address"
            section="shipping"
            address={draft.shipping}
            wrong={wrong}
            onChange={(shipping) => change({ shipping })}
          />
          <label className="check">
            <input
              type="checkbox"
              checked={draft.sameBilling}
              onChange={(event) => {
                const sameBilling = event.target.checked;
                change({
                  sameBilling,
                  billing: draft.billing.line1 ? draft.billing : { ...draft.billing, country: draft.shipping.country },
                });
              }}
            />
            {t('checkout.same_billing')}
          </label>
        </Section>

        {!draft.sameBilling && (
          <Section title={t('checkout.billing')}>
            <AddressFields
              at="billing_address"
              section="billing"
              address={draft.billing}
              wrong={wrong}
              onChange={(billing) => change({ billing })}
            />
          </Section>
        )}

        <Section title={t('shipping.title')}>
          {quote.error && <Failure error={quote.error} again={() => void quote.refetch()} />}
          {quote.data ? (
            <Ways quote={quote.data} chosen={chosenWay(quote.data, draft.way)} onChoose={(way) => change({ way })} />
          ) : (
            !quote.error && <p className="soft">{t(quote.isFetching ? 'action.loading' : 'shipping.address_first')}</p>
          )}
        </Section>

        <Section title={t('payment.title')}>
          <Payment payment={draft.payment} onChange={(payment) => change({ payment })} wrong={wrong} rest={rest} />
        </Section>
      </div>

      <aside className="checkout-review" aria-labelledby="review">
        <h2 id="review">{t('checkout.review')}</h2>
        {quote.data && <Totals quote={quote.data} stale={quote.isFetching} />}
        {giftPaysAll && <p className="soft">{t('payment.gift_pays_all')}</p>}
        <button
          type="submit"
          className="button primary big wide"
          disabled={placement.placing || !quote.data || quote.isPlaceholderData}
        >
          {outcome?.kind === 'price'
            ? t('checkout.accept_price')
            : t('checkout.place', { total: total ? moneyText(total, locale) : '' })}
        </button>
        {Object.keys(wrongs).length > 0 && (
          <p className="field-error" role="alert">
            {t('checkout.wrong', { smart_count: Object.keys(wrongs).length })}
          </p>
        )}
        <Link href="/cart">{t('checkout.change_cart')}</Link>
      </aside>
    </form>
  );
}
