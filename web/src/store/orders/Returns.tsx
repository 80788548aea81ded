import { useMutation, useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { api, download, told } from '../../api/client';
import { dayText, moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { Failure } from '../parts/Note';
import { type Return, reference, type Tone } from './facts';
import { returnsQuery } from './parts';
import { useChange } from './useChange';
import type { Order } from './useOrder';

const TONES: Record<string, Tone> = {
  requested: 'warn',
  approved: 'busy',
  partially_received: 'busy',
  received: 'good',
  declined: 'bad',
};
const LOOK_AGAIN_MS = 3_000;
const LOOKS = 20;

function One({ order, back }: { order: Order; back: Return }) {
  const { t, has, locale } = useWords();
  const names = new Map(order.items.map((item) => [item.item_id, item.name]));
  const label = useMutation({
    mutationFn: () =>
      download(
        `/api/orders/${order.order_id}/returns/${back.return_id}/label`,
        `return-${back.return_id.slice(-8)}.pdf`,
        'application/pdf',
      ),
  });
  const withdraw = useChange(
    order,
    async () => {
      const path = { order_id: order.order_id, return_id: back.return_id };
      await told(api.DELETE('/api/orders/{order_id}/returns/{return_id}', { params: { path } }));
      return undefined;
    },
    () => undefined,
  );
  const coming = back.state === 'approved' || back.state === 'requested';
  return (
    <li className="return">
      <p className="return-head">
        <span className={`chip ${TONES[back.state] ?? ''}`}>{t(`return.state.${back.state}`)}</span>
        <span className="soft">{dayText(back.created_at, locale)}</span>
      </p>
      <ul>
        {back.lines.map((line) => (
          <li key={line.item_id}>
            {line.quantity} × {names.get(line.item_id) ?? line.product_id}{' '}
            <span className="soft">
              {t(`reason.${line.reason}`)}
              {line.received > 0 && ` · ${t('return.arrived', { units: line.received })}`}
            </span>
          </li>
        ))}
      </ul>
      {back.exchange && (
        <p className="soft">
          {t(`return.exchange.${back.exchange.stage}`, {
            items: back.exchange.items.map((item) => `${item.quantity} × ${item.product_id}`).join(', '),
          })}{' '}
          {back.exchange.stage === 'wanted' &&
            back.exchange.difference.amount > 0 &&
            t('return.exchange.difference', { difference: moneyText(back.exchange.difference, locale) })}
          {back.exchange.order_id && (
            <Link href={`/orders/${back.exchange.order_id}`}>
              {t('orders.order', { reference: reference(back.exchange.order_id) })}
            </Link>
          )}
        </p>
      )}
      {coming && (!back.exchange || back.exchange.stage === 'ended') && back.refund_amount.amount > 0 && (
        <p className="soft">{t('return.worth', { amount: moneyText(back.refund_amount, locale) })}</p>
      )}
      {coming && back.fee_amount.amount > 0 && (
        <p className="soft">{t('return.fee', { amount: moneyText(back.fee_amount, locale) })}</p>
      )}
      {back.state === 'approved' && back.deadline_at && (
        <p className="soft">{t('return.until', { day: dayText(back.deadline_at, locale) })}</p>
      )}
      {back.state === 'declined' && back.reason && has(`return.refused.${back.reason}`) && (
        <p>{t(`return.refused.${back.reason}`)}</p>
      )}
      {back.decision_notes && <p>{back.decision_notes}</p>}
      {coming && (
        <div className="buttons">
          {back.label?.state === 'bought' && (
            <button type="button" className="button" disabled={label.isPending} onClick={() => label.mutate()}>
              {t('return.label')}
            </button>
          )}
          <button type="button" className="button quiet" disabled={withdraw.isPending} onClick={() => withdraw.mutate()}>
            {t('return.withdraw')}
          </button>
        </div>
      )}
      {label.error && <Failure error={label.error} />}
      {withdraw.error && <Failure error={withdraw.error} />}
    </li>
  );
}

/** What is sent back of an order, and how far it has come. */
export function Returns({ order }: { order: Order }) {
  const { t } = useWords();
  const asked = order.return_state !== 'none';
  const returns = useQuery({
    ...returnsQuery(order),
    enabled: asked || order.allowed_actions.includes('return'),
    // The label comes a moment after the return is agreed to.
    refetchInterval: (query) =>
      query.state.data?.items.some((one) => one.state === 'approved' && one.label !== null && one.label.state !== 'bought') &&
      query.state.dataUpdateCount < LOOKS
        ? LOOK_AGAIN_MS
        : false,
  });
  const items = returns.data?.items ?? [];
  if (!asked && items.length === 0) return null;
  return (
    <section className="card">
      <h2>{t('return.list')}</h2>
      {returns.error && !returns.data && <Failure error={returns.error} again={() => void returns.refetch()} />}
      <ul className="returns">
        {items.toReversed().map((back) => (
          <One key={back.return_id} order={order} back={back} />
        ))}
      </ul>
    </section>
  );
}
