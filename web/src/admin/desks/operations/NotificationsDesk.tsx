/** The messages to customers: what was sent, what waits, and what was given up and can be tried again. */
import Button from '@mui/material/Button';
import { useState } from 'react';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/notification';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Choice } from '../kit/Choice';
import { Bar, Desk, Part } from '../kit/Desk';
import { LookFor } from '../kit/LookFor';
import { Mark } from '../kit/Mark';
import { Rows } from '../kit/Rows';
import { Moment, OrderRef } from '../kit/refs';
import { keyed, useAct } from '../kit/useAct';
import { useChoice } from '../kit/useChoice';
import { usePages } from '../kit/usePages';
import { MessageAsk } from './MessageAsk';

type Status = components['schemas']['Status'];
type Channel = components['schemas']['Channel'];

const STATES: Status[] = ['waiting_for_contact', 'queued', 'sending', 'sent', 'failed', 'skipped'];

export function NotificationsDesk() {
  const { t } = useWords();
  const reads = useMay('support');
  const [opened, setOpened] = useState<string | null>(null);
  const [status, setStatus] = useChoice('status');
  const [channel, setChannel] = useChoice('channel');
  const [order, setOrder] = useChoice('order');
  const pages = usePages(['notifications', status, channel, order], (cursor) =>
    told(
      api.GET('/api/admin/notifications', {
        params: {
          query: {
            status: (status || null) as Status | null,
            channel: (channel || null) as Channel | null,
            order_id: order || null,
            cursor: cursor ?? null,
          },
        },
      }),
    ),
  );
  return (
    <Desk title={t('notifications.title')} intro={t('notifications.intro')}>
      <Part>
        <Bar label={t('desks.filters')}>
          <LookFor label={t('payments.order_id')} value={order} set={setOrder} />
          <Choice
            label={t('desks.state')}
            value={status}
            set={setStatus}
            of={[{ value: '', label: t('desks.all') }, ...STATES.map((value) => ({ value, label: t(`message.${value}`) }))]}
          />
          <Choice
            label={t('notifications.channel')}
            value={channel}
            set={setChannel}
            of={['', 'email', 'sms'].map((value) => ({ value, label: value ? t(`channel.${value}`) : t('desks.all') }))}
          />
        </Bar>
        <Rows
          caption={t('notifications.title')}
          pages={pages}
          rowKey={(row) => row.delivery_id}
          empty={t('desks.none')}
          columns={[
            { name: 'at', label: t('desks.at'), cell: (row) => <Moment at={row.created_at} /> },
            { name: 'order', label: t('desks.order'), cell: (row) => <OrderRef id={row.order_id} /> },
            { name: 'template', label: t('notifications.template'), cell: (row) => t(`template.${row.template}`) },
            { name: 'channel', label: t('notifications.channel'), cell: (row) => t(`channel.${row.channel}`) },
            { name: 'to', label: t('notifications.to'), cell: (row) => row.recipient ?? '–' },
            {
              name: 'status',
              label: t('desks.state'),
              cell: (row) => (
                <div>
                  <Mark of={row.status} kind="message" />
                  {row.sent_at ? (
                    <small style={{ display: 'block' }}>
                      <Moment at={row.sent_at} />
                    </small>
                  ) : null}
                  {row.last_error ? <small style={{ display: 'block' }}>{row.last_error}</small> : null}
                </div>
              ),
            },
            { name: 'attempts', label: t('notifications.attempts'), numeric: true, cell: (row) => row.attempts },
            {
              name: 'actions',
              label: t('desks.actions'),
              actions: true,
              cell: (row) => (
                <>
                  {reads ? (
                    <Button
                      onClick={() => setOpened(row.delivery_id)}
                      aria-label={`${t('letters.look')}: ${t(`template.${row.template}`)}`}
                    >
                      {t('letters.look')}
                    </Button>
                  ) : null}
                  {row.status === 'failed' ? <Again id={row.delivery_id} /> : null}
                </>
              ),
            },
          ]}
        />
      </Part>
      {opened ? <MessageAsk id={opened} onClose={() => setOpened(null)} /> : null}
    </Desk>
  );
}

function Again({ id }: { id: string }) {
  const { t } = useWords();
  const say = useProblemText();
  const tries = useMay('support');
  const again = useAct(
    (delivery_id: string, key) =>
      told(api.POST('/api/admin/notifications/{delivery_id}/retry', { params: { path: { delivery_id }, header: keyed(key) } })),
    { said: () => t('notifications.queued'), stale: ['notifications'] },
  );
  if (!tries) return null;
  return (
    <>
      <Button onClick={() => void again.run(id)} loading={again.busy}>
        {t('desks.again')}
      </Button>
      {again.error ? <div role="alert">{say(again.error)}</div> : null}
    </>
  );
}
