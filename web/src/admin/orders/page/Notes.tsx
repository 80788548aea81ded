import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { ActionButton } from '../../parts/ActionButton';
import { Card } from '../../parts/Card';
import { useMay } from '../../roles';
import { Entries } from './Timeline';
import { useReread, useSaga } from './useOrder';

/** What staff have written down for each other; the customer never sees it. */
export function Notes({ orderId }: { orderId: string }) {
  const { t } = useWords();
  const reread = useReread(orderId);
  const mayWrite = useMay('support', 'warehouse', 'finance', 'fraud_reviewer');
  const history = useSaga(orderId).data?.history ?? [];
  const notes = history.filter((entry) => entry.kind === 'note');
  const add = (
    <ActionButton
      label={t('notes.add')}
      variant="text"
      title={t('notes.add')}
      text={t('notes.text')}
      confirm={t('notes.save')}
      draft={`note.${orderId}`}
      fields={[{ name: 'text', label: t('notes.label'), kind: 'long', required: true, maxLength: 2000 }]}
      send={(values, intention) =>
        told(
          api.POST('/api/admin/orders/{order_id}/notes', {
            params: { path: { order_id: orderId }, header: { 'Idempotency-Key': intention } },
            body: { text: values.text ?? '' },
          }),
        )
      }
      done={() => {
        reread();
        return 'notes.done';
      }}
    />
  );
  return (
    <Card title={t('notes.title')} actions={mayWrite && add}>
      {notes.length === 0 ? t('notes.none') : <Entries entries={notes} />}
    </Card>
  );
}
