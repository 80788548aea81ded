/** Refunds of all orders: those that wait for a second person, and those that failed, come first to hand. */
import Button from '@mui/material/Button';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/order';
import { usePerson } from '../../../session/usePerson';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Choice } from '../kit/Choice';
import { Bar, Desk, Part } from '../kit/Desk';
import { Mark } from '../kit/Mark';
import { Rows } from '../kit/Rows';
import { Amount, Moment, OrderRef, shortName } from '../kit/refs';
import { keyed, useAct } from '../kit/useAct';
import { useChoice } from '../kit/useChoice';
import { usePages } from '../kit/usePages';

type State = components['schemas']['RefundState'];
type Refund = components['schemas']['QueuedRefundView'];

const STATES: State[] = ['awaiting_approval', 'requested', 'refunded', 'failed', 'declined'];

export function RefundsDesk() {
  const { t } = useWords();
  const [state, setState] = useChoice('state', 'awaiting_approval');
  const pages = usePages(
    ['refunds', state],
    (cursor) =>
      told(
        api.GET('/api/admin/refunds', {
          params: { query: { state: state === 'all' ? null : (state as State), cursor: cursor ?? null } },
        }),
      ),
    { every: () => 30_000 },
  );
  return (
    <Desk title={t('refunds.title')} intro={t('refunds.intro')}>
      <Part>
        <Bar label={t('desks.filters')}>
          <Choice
            label={t('desks.state')}
            value={state}
            set={setState}
            of={[...STATES, 'all'].map((value) => ({ value, label: t(value === 'all' ? 'desks.all' : `state.${value}`) }))}
          />
        </Bar>
        <Rows
          caption={t('refunds.title')}
          pages={pages}
          rowKey={(refund) => refund.refund_id}
          empty={t(state === 'awaiting_approval' ? 'refunds.none' : 'desks.none')}
          columns={[
            { name: 'refund', label: t('refunds.refund'), cell: (refund) => shortName(refund.refund_id) },
            { name: 'order', label: t('desks.order'), cell: (refund) => <OrderRef id={refund.order_id} /> },
            { name: 'amount', label: t('desks.amount'), numeric: true, cell: (refund) => <Amount of={refund.amount} /> },
            {
              name: 'why',
              label: t('desks.reason'),
              cell: (refund) => (
                <div>
                  {t(`refund_reason.${refund.reason}`)}
                  <div>{refund.notes}</div>
                </div>
              ),
            },
            {
              name: 'asked',
              label: t('refunds.asked'),
              cell: (refund) => (
                <div>
                  {refund.requested_by}
                  <br />
                  <Moment at={refund.created_at} />
                </div>
              ),
            },
            {
              name: 'state',
              label: t('desks.state'),
              cell: (refund) => (
                <div>
                  <Mark of={refund.state} /> {refund.error}
                </div>
              ),
            },
            {
              name: 'actions',
              label: t('desks.actions'),
              actions: true,
              cell: (refund) => <Decisions refund={refund} />,
            },
          ]}
        />
      </Part>
    </Desk>
  );
}

function Decisions({ refund }: { refund: Refund }) {
  const { t } = useWords();
  const say = useProblemText();
  const person = usePerson();
  const approves = useMay('finance');
  const asks = useMay('support', 'finance');
  const path = { order_id: refund.order_id, refund_id: refund.refund_id };
  const decide = useAct(
    (way: 'approve' | 'decline' | 'retry', key) => {
      const params = { path, header: keyed(key) };
      if (way === 'approve') return told(api.POST('/api/admin/orders/{order_id}/refunds/{refund_id}/approve', { params }));
      if (way === 'decline') return told(api.POST('/api/admin/orders/{order_id}/refunds/{refund_id}/decline', { params }));
      return told(api.POST('/api/admin/orders/{order_id}/refunds/{refund_id}/retry', { params }));
    },
    { said: (_, way) => t(`refunds.said.${way}`), stale: ['refunds'] },
  );
  const own = person !== null && refund.requested_by.endsWith(person.id);
  const named = (text: string) => `${text}: ${shortName(refund.refund_id)}`;
  return (
    <>
      {approves && refund.state === 'awaiting_approval' ? (
        own ? (
          <span>{t('refunds.own')}</span>
        ) : (
          <Button
            variant="contained"
            onClick={() => void decide.run('approve')}
            loading={decide.busy}
            aria-label={named(t('refunds.approve'))}
          >
            {t('refunds.approve')}
          </Button>
        )
      ) : null}
      {approves && ['awaiting_approval', 'failed'].includes(refund.state) ? (
        <Button
          color="error"
          onClick={() => void decide.run('decline')}
          loading={decide.busy}
          aria-label={named(t('refunds.decline'))}
        >
          {t('refunds.decline')}
        </Button>
      ) : null}
      {asks && refund.state === 'failed' ? (
        <Button onClick={() => void decide.run('retry')} loading={decide.busy} aria-label={named(t('desks.again'))}>
          {t('desks.again')}
        </Button>
      ) : null}
      {decide.error ? <div role="alert">{say(decide.error)}</div> : null}
    </>
  );
}
