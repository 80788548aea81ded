/** All payments, newest first. */
import MuiLink from '@mui/material/Link';
import { Link as RouterLink } from 'react-router-dom';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/payment';
import { useWords } from '../../../words/words';
import { Choice } from '../kit/Choice';
import { Bar, Desk, Part } from '../kit/Desk';
import { LookFor } from '../kit/LookFor';
import { Mark } from '../kit/Mark';
import { Rows } from '../kit/Rows';
import { Amount, Moment, OrderRef, shortName } from '../kit/refs';
import { useChoice } from '../kit/useChoice';
import { usePages } from '../kit/usePages';
import { LedgerAudit } from './LedgerAudit';

type Status = components['schemas']['Status'];

const STATES: Status[] = [
  'pending',
  'authorized',
  'declined',
  'captured',
  'lapsed',
  'voiding',
  'voided',
  'refunding',
  'refunded',
];

export function PaymentsDesk() {
  const { t } = useWords();
  const [status, setStatus] = useChoice('status');
  const [order, setOrder] = useChoice('order');
  const pages = usePages(['payments', status, order], (cursor) =>
    told(
      api.GET('/api/admin/payments', {
        params: { query: { status: (status || null) as Status | null, order_id: order || null, cursor: cursor ?? null } },
      }),
    ),
  );
  return (
    <Desk title={t('payments.title')} intro={t('payments.intro')}>
      <Part>
        <Bar label={t('desks.filters')}>
          <LookFor label={t('payments.order_id')} value={order} set={setOrder} />
          <Choice
            label={t('desks.state')}
            value={status}
            set={setStatus}
            of={[
              { value: '', label: t('desks.all') },
              ...STATES.map((value) => ({ value, label: t(`payment_state.${value}`) })),
            ]}
          />
        </Bar>
        <Rows
          caption={t('payments.title')}
          pages={pages}
          rowKey={(payment) => payment.payment_id}
          empty={t('desks.none')}
          columns={[
            {
              name: 'payment',
              label: t('payments.payment'),
              cell: (payment) => (
                <MuiLink component={RouterLink} to={`/payments/${payment.order_id}`} sx={{ fontFamily: 'monospace' }}>
                  {shortName(payment.payment_id)}
                </MuiLink>
              ),
            },
            { name: 'order', label: t('desks.order'), cell: (payment) => <OrderRef id={payment.order_id} /> },
            { name: 'status', label: t('desks.state'), cell: (payment) => <Mark of={payment.status} kind="payment_state" /> },
            { name: 'amount', label: t('desks.amount'), numeric: true, cell: (payment) => <Amount of={payment.amount} /> },
            {
              name: 'captured',
              label: t('payments.captured'),
              numeric: true,
              cell: (payment) => <Amount of={payment.captured} />,
            },
            {
              name: 'refunded',
              label: t('payments.refunded'),
              numeric: true,
              cell: (payment) => <Amount of={payment.refunded} />,
            },
            { name: 'at', label: t('desks.at'), cell: (payment) => <Moment at={payment.created_at} /> },
            {
              name: 'due',
              label: t('payments.due'),
              cell: (payment) =>
                payment.due ? (
                  <div>
                    {payment.due.replaceAll('_', ' ')}, {t('payments.tried', { smart_count: payment.attempts })}
                  </div>
                ) : (
                  payment.code
                ),
            },
          ]}
        />
      </Part>
      <LedgerAudit />
    </Desk>
  );
}
