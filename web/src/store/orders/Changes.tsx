import { useQuery } from '@tanstack/react-query';
import { api, told } from '../../api/client';
import type { components } from '../../api/schema/order';
import { moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { Failure, Note } from '../parts/Note';
import { changesQuery } from './parts';
import { useChange } from './useChange';
import type { Order } from './useOrder';

type Change = components['schemas']['ChangeView'];

function Pending({ order, change }: { order: Order; change: Change }) {
  const { t, locale } = useWords();
  const withdraw = useChange(
    order,
    () =>
      told(
        api.DELETE('/api/orders/{order_id}/edits/{change_id}', {
          params: { path: { order_id: order.order_id, change_id: change.change_id } },
        }),
      ),
    () => undefined,
  );
  return (
    <Note kind="warn">
      <p>{t('change.pending', { difference: moneyText(change.difference, locale) })}</p>
      <button type="button" className="button quiet" disabled={withdraw.isPending} onClick={() => withdraw.mutate()}>
        {t('change.withdraw')}
      </button>
      {withdraw.error && <Failure error={withdraw.error} />}
    </Note>
  );
}

/** The newest addition to an order, as long as it is not decided or where it did not come about. */
export function Changes({ order }: { order: Order }) {
  const { t, has } = useWords();
  const changes = useQuery({ ...changesQuery(order), enabled: order.status !== 'Pending' });
  const newest = changes.data?.items.findLast((one) => one.kind === 'addition');
  if (newest?.state === 'requested') return <Pending order={order} change={newest} />;
  if (newest?.state === 'withdrawn' && newest.reason && has(`change.not.${newest.reason}`)) {
    return (
      <Note kind="warn">
        <p>{t(`change.not.${newest.reason}`)}</p>
      </Note>
    );
  }
  return null;
}
