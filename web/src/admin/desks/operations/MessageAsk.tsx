/** One message whole: what it says, what became of it, and the way to send it once more for a reason. */
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { Ask } from '../kit/Ask';
import { Facts } from '../kit/Facts';
import { Field } from '../kit/Field';
import { Mark } from '../kit/Mark';
import { Refusal } from '../kit/Refusal';
import { Waiting } from '../kit/Rows';
import { Moment, OrderRef } from '../kit/refs';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';
import { Letter } from './Letter';

export function MessageAsk({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useWords();
  const [form, change, clear] = useDraft(`resend.${id}`, { reason: '' });
  const path = { delivery_id: id };
  const message = useQuery({
    queryKey: ['notifications', 'one', id],
    queryFn: () => told(api.GET('/api/admin/notifications/{delivery_id}', { params: { path } })),
    retry: false,
  });
  const resend = useAct(
    (reason: string, key) =>
      told(
        api.POST('/api/admin/notifications/{delivery_id}/resend', { params: { path, header: keyed(key) }, body: { reason } }),
      ),
    {
      said: () => t('notifications.resent'),
      stale: ['notifications'],
      done: () => {
        clear();
        onClose();
      },
    },
  );
  const { data } = message;
  return (
    <Ask
      title={data ? t(`template.${data.template}`) : t('notifications.title')}
      submit={t('notifications.resend')}
      busy={resend.busy}
      disabled={!form.reason.trim() || !data}
      error={resend.error}
      onSubmit={() => void resend.run(form.reason.trim())}
      onClose={onClose}
      wide
    >
      <Refusal error={message.error} again={() => void message.refetch()} />
      {message.isPending && !message.error ? <Waiting /> : null}
      {data ? (
        <>
          <Facts
            of={[
              [t('desks.order'), <OrderRef key="order" id={data.order_id} />],
              [t('notifications.to'), data.content?.recipient ?? data.recipient ?? '–'],
              [t('desks.state'), <Mark key="state" of={data.status} kind="message" />],
              [t('notifications.sent'), <Moment key="sent" at={data.sent_at} />],
              [t('notifications.attempts'), data.attempts],
            ]}
          />
          {data.content ? <Letter of={data.content} /> : <Typography>{t('notifications.no_content')}</Typography>}
          {data.requests.map((request) => (
            <Typography key={`${request.at} ${request.kind}`} variant="body2">
              <Moment at={request.at} /> · {request.actor}: {request.reason}
            </Typography>
          ))}
        </>
      ) : null}
      <Field
        label={t('notifications.resend_reason')}
        value={form.reason}
        set={(reason) => change({ reason })}
        help={t('letters.discard_help')}
        slotProps={{ htmlInput: { maxLength: 200 } }}
      />
    </Ask>
  );
}
