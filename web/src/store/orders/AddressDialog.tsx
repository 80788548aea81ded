import { useState } from 'react';
import { api, told } from '../../api/client';
import { Problem } from '../../api/problem';
import { useWords } from '../../words/words';
import { AddressFields } from '../checkout/AddressFields';
import { checkAddress, checkContact, type Wrongs } from '../checkout/checks';
import { draftLike, patchBody } from '../checkout/draft';
import { Field } from '../parts/Field';
import { Ask, type Asking } from './Ask';
import { useChange } from './useChange';
import { versionOf } from './useOrder';

/** Send an order elsewhere in the same country, have it billed to another address, or have its customer reached otherwise. */
export function AddressDialog({ order, onClose }: Asking) {
  const { t } = useWords();
  const [before] = useState(() => draftLike(order));
  const [draft, setDraft] = useState(before);
  const [wrongs, setWrongs] = useState<Wrongs>({});
  const body = patchBody(before, draft, String(order.contact.locale ?? 'en'));

  const change = useChange(
    order,
    (known) =>
      told(
        api.PATCH('/api/orders/{order_id}', {
          params: { path: { order_id: order.order_id }, header: { 'if-match': versionOf(known) } },
          body: body ?? {},
        }),
      ),
    () => onClose(t('address.done')),
  );
  const wrong = (field: string) => {
    const found = wrongs[field];
    if (found) return t(found.key, { example: found.example ?? '' });
    return change.error instanceof Problem ? change.error.of(field) : undefined;
  };
  return (
    <Ask
      order={order}
      onClose={onClose}
      title={t('address.title')}
      doIt={t('action.save')}
      disabled={body === null}
      pending={change.isPending}
      error={change.error}
      onSubmit={() => {
        const found = {
          ...checkAddress(draft.shipping, 'shipping_address'),
          ...(draft.sameBilling ? {} : checkAddress(draft.billing, 'billing_address')),
          ...checkContact(draft.email, draft.phone),
        };
        setWrongs(found);
        if (Object.keys(found).length === 0) change.mutate();
      }}
    >
      <AddressFields
        at="shipping_address"
        section="shipping"
        address={draft.shipping}
        wrong={wrong}
        sameCountry
        onChange={(shipping) => setDraft({ ...draft, shipping })}
      />
      <label className="check">
        <input
          type="checkbox"
          checked={draft.sameBilling}
          onChange={(event) => setDraft({ ...draft, sameBilling: event.target.checked })}
        />
        {t('checkout.same_billing')}
      </label>
      {!draft.sameBilling && (
        <fieldset className="apart-fields">
          <legend>{t('checkout.billing')}</legend>
          <AddressFields
            at="billing_address"
            section="billing"
            address={draft.billing}
            wrong={wrong}
            onChange={(billing) => setDraft({ ...draft, billing })}
          />
        </fieldset>
      )}
      <Field
        label={t('contact.email')}
        type="email"
        autoComplete="email"
        required
        value={draft.email}
        error={wrong('contact.email')}
        onChange={(event) => setDraft({ ...draft, email: event.target.value })}
      />
      <Field
        label={t('contact.phone')}
        optional={t('form.optional')}
        type="tel"
        autoComplete="tel"
        value={draft.phone}
        error={wrong('contact.phone')}
        onChange={(event) => setDraft({ ...draft, phone: event.target.value })}
      />
    </Ask>
  );
}
