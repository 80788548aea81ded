import { useState } from 'react';
import { api, told } from '../../api/client';
import { useWords } from '../../words/words';
import { Ask, type Asking, Words } from './Ask';
import { useChange } from './useChange';
import { versionOf } from './useOrder';

/** Cancel an order, or what of it has not left. */
export function CancelDialog({ order, onClose }: Asking) {
  const { t } = useWords();
  const [notes, setNotes] = useState('');
  const partly = order.shipments.some((one) => one.dispatched_at);
  const cancel = useChange(
    order,
    (known) =>
      told(
        api.POST('/api/orders/{order_id}/cancel', {
          params: { path: { order_id: order.order_id }, header: { 'if-match': versionOf(known) } },
          body: { notes },
        }),
      ),
    () => onClose(t(partly ? 'cancel.rest_done' : 'cancel.done')),
  );
  return (
    <Ask
      order={order}
      onClose={onClose}
      title={t('cancel.title')}
      doIt={t('action.cancel')}
      danger
      pending={cancel.isPending}
      error={cancel.error}
      onSubmit={() => cancel.mutate()}
    >
      <p>{t(partly ? 'cancel.rest' : 'cancel.all')}</p>
      <Words label={t('cancel.why')} value={notes} onChange={setNotes} />
    </Ask>
  );
}
