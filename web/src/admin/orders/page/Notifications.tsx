import { useQuery } from '@tanstack/react-query';
import { api, told } from '../../../api/client';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { Card } from '../../parts/Card';
import { Failed } from '../../parts/Failed';
import { Moment } from '../../parts/Moment';
import { Rows } from '../../parts/Rows';
import { StateChip } from '../../parts/StateChip';
import { useLabel } from '../../parts/useLabel';

/** What the customer was told, by which way, and whether it arrived there. */
export function Notifications({ orderId }: { orderId: string }) {
  const { t } = useWords();
  const say = useProblemText();
  const label = useLabel();
  const messages = useQuery({
    queryKey: ['order', orderId, 'notifications'],
    queryFn: () => told(api.GET('/api/admin/notifications', { params: { query: { order_id: orderId, limit: 200 } } })),
  });
  return (
    <Card title={t('order.notifications.title')} id="notifications">
      {messages.error && <Failed text={say(messages.error)} again={messages.refetch} />}
      <Rows
        empty={t('order.notifications.none')}
        rows={messages.data?.items.map((one) => ({
          key: one.delivery_id,
          what: `${label('template', one.template)} · ${label('channel', one.channel)}`,
          about: (
            <>
              {one.recipient} · <Moment at={one.sent_at ?? one.created_at} />
              {one.last_error && ` · ${one.last_error}`}
            </>
          ),
          actions: <StateChip area="delivery" state={one.status} />,
        }))}
      />
    </Card>
  );
}
