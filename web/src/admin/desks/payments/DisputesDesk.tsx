/** Disputes that customers' banks have opened, by the day until which they can be answered. */
import Button from '@mui/material/Button';
import { useNotify } from 'react-admin';
import { api, download, told } from '../../../api/client';
import type { components } from '../../../api/schema/payment';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Choice } from '../kit/Choice';
import { Bar, Desk, Part } from '../kit/Desk';
import { Mark } from '../kit/Mark';
import { Rows } from '../kit/Rows';
import { Amount, Moment, OrderRef, shortName } from '../kit/refs';
import { useChoice } from '../kit/useChoice';
import { usePages } from '../kit/usePages';

type Status = components['schemas']['DisputeStatus'];

export function DisputesDesk() {
  const { t } = useWords();
  const say = useProblemText();
  const notify = useNotify();
  const answers = useMay('finance', 'support');
  const [status, setStatus] = useChoice('status', 'open');
  const pages = usePages(['disputes', status], (cursor) =>
    told(
      api.GET('/api/admin/disputes', {
        params: { query: { status: status === 'all' ? null : (status as Status), cursor: cursor ?? null } },
      }),
    ),
  );
  const evidence = (order_id: string) =>
    download(`/api/admin/orders/${order_id}/evidence`, `evidence-${shortName(order_id)}.zip`, '*/*').catch((error) =>
      notify(say(error), { type: 'error', messageArgs: { _: say(error) } }),
    );
  return (
    <Desk title={t('disputes.title')} intro={t('disputes.intro')}>
      <Part>
        <Bar label={t('desks.filters')}>
          <Choice
            label={t('desks.state')}
            value={status}
            set={setStatus}
            of={['open', 'won', 'lost', 'all'].map((value) => ({
              value,
              label: t(value === 'all' ? 'desks.all' : `dispute.${value}`),
            }))}
          />
        </Bar>
        <Rows
          caption={t('disputes.title')}
          pages={pages}
          rowKey={(one) => one.dispute_id}
          empty={t('disputes.none')}
          columns={[
            { name: 'dispute', label: t('disputes.dispute'), cell: (one) => one.psp_dispute },
            { name: 'order', label: t('desks.order'), cell: (one) => <OrderRef id={one.order_id} /> },
            { name: 'amount', label: t('desks.amount'), numeric: true, cell: (one) => <Amount of={one.amount} /> },
            { name: 'code', label: t('desks.reason'), cell: (one) => one.code.replaceAll('_', ' ') },
            { name: 'status', label: t('desks.state'), cell: (one) => <Mark of={one.status} kind="dispute" /> },
            { name: 'opened', label: t('disputes.opened'), cell: (one) => <Moment at={one.opened_at} day /> },
            { name: 'until', label: t('disputes.until'), cell: (one) => <Moment at={one.respond_by} day /> },
            {
              name: 'actions',
              label: t('desks.actions'),
              actions: true,
              cell: (one) =>
                answers ? (
                  <Button
                    onClick={() => void evidence(one.order_id)}
                    aria-label={`${t('disputes.evidence')}: ${shortName(one.order_id)}`}
                  >
                    {t('disputes.evidence')}
                  </Button>
                ) : null,
            },
          ]}
        />
      </Part>
    </Desk>
  );
}
