/** The money of one order: its payments, captures and refunds, each attempt with the PSP, and the ledger. */
import { useQuery } from '@tanstack/react-query';
import { useParams } from 'react-router-dom';
import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { Desk, Part } from '../kit/Desk';
import { Facts } from '../kit/Facts';
import { Mark } from '../kit/Mark';
import { Refusal } from '../kit/Refusal';
import { Rows, Waiting } from '../kit/Rows';
import { Amount, Moment, OrderRef, shortName } from '../kit/refs';

const settled = <Row,>(rows: Row[]) => ({ rows, error: null, loading: false });

export function PaymentPage() {
  const { t } = useWords();
  const { id: order_id = '' } = useParams();
  const money = useQuery({
    queryKey: ['payments', 'of', order_id],
    queryFn: () => told(api.GET('/api/admin/payments/{order_id}', { params: { path: { order_id } } })),
    retry: false,
  });
  const { data } = money;
  return (
    <Desk title={t('payments.of_order', { name: shortName(order_id) })} intro={<OrderRef id={order_id} />}>
      <Refusal error={money.error} again={() => void money.refetch()} />
      {money.isPending && !money.error ? <Waiting /> : null}
      {data ? (
        <>
          <Part title={t('payments.sums')}>
            <Facts
              of={[
                [t('payments.authorized'), <Amount key="a" of={data.authorized} />],
                [t('payments.captured'), <Amount key="c" of={data.captured} />],
                [t('payments.released'), <Amount key="l" of={data.released} />],
                [t('payments.refunded'), <Amount key="r" of={data.refunded} />],
                [t('reviews.user'), data.user_id],
              ]}
            />
          </Part>
          <Part title={t('payments.title')}>
            <Rows
              caption={t('payments.title')}
              pages={settled(data.payments)}
              rowKey={(row) => row.payment_id}
              empty={t('desks.none')}
              columns={[
                { name: 'payment', label: t('payments.payment'), cell: (row) => shortName(row.payment_id) },
                { name: 'status', label: t('desks.state'), cell: (row) => <Mark of={row.status} kind="payment_state" /> },
                { name: 'amount', label: t('desks.amount'), numeric: true, cell: (row) => <Amount of={row.amount} /> },
                { name: 'psp', label: t('payments.psp'), cell: (row) => row.psp_reference ?? '–' },
                { name: 'code', label: t('payments.code'), cell: (row) => row.code ?? '–' },
                { name: 'at', label: t('desks.at'), cell: (row) => <Moment at={row.created_at} /> },
              ]}
            />
          </Part>
          <Part title={t('payments.captures')}>
            <Rows
              caption={t('payments.captures')}
              pages={settled(data.captures)}
              rowKey={(row) => row.shipment_id}
              empty={t('payments.no_captures')}
              columns={[
                { name: 'shipment', label: t('shipping.parcel'), cell: (row) => shortName(row.shipment_id) },
                { name: 'amount', label: t('desks.amount'), numeric: true, cell: (row) => <Amount of={row.amount} /> },
                { name: 'status', label: t('desks.state'), cell: (row) => <Mark of={row.status} kind="payment_state" /> },
                { name: 'code', label: t('payments.code'), cell: (row) => row.code ?? '–' },
                { name: 'at', label: t('desks.at'), cell: (row) => <Moment at={row.created_at} /> },
              ]}
            />
          </Part>
          {data.refunds.length ? (
            <Part title={t('refunds.title')}>
              <Rows
                caption={t('refunds.title')}
                pages={settled(data.refunds)}
                rowKey={(row) => row.refund_id}
                empty=""
                columns={[
                  { name: 'refund', label: t('refunds.refund'), cell: (row) => shortName(row.refund_id) },
                  { name: 'amount', label: t('desks.amount'), numeric: true, cell: (row) => <Amount of={row.amount} /> },
                  { name: 'why', label: t('desks.reason'), cell: (row) => row.reason.replaceAll('_', ' ') },
                  { name: 'status', label: t('desks.state'), cell: (row) => <Mark of={row.status} kind="payment_state" /> },
                  { name: 'code', label: t('payments.code'), cell: (row) => row.code ?? '–' },
                  { name: 'at', label: t('desks.at'), cell: (row) => <Moment at={row.created_at} /> },
                ]}
              />
            </Part>
          ) : null}
          <Part title={t('payments.attempts')}>
            <Rows
              caption={t('payments.attempts')}
              pages={settled(data.psp_attempts)}
              rowKey={(row) => `${row.idempotency_key} ${row.at} ${row.result}`}
              empty={t('desks.none')}
              columns={[
                { name: 'at', label: t('desks.at'), cell: (row) => <Moment at={row.at} /> },
                { name: 'purpose', label: t('payments.purpose'), cell: (row) => row.purpose.replaceAll('_', ' ') },
                { name: 'result', label: t('payments.result'), cell: (row) => row.result.replaceAll('_', ' ') },
                { name: 'code', label: t('payments.code'), cell: (row) => row.code ?? '–' },
                { name: 'key', label: t('payments.key'), cell: (row) => <code>{row.idempotency_key}</code> },
              ]}
            />
          </Part>
          <Part title={t('payments.ledger')}>
            <Rows
              caption={t('payments.ledger')}
              pages={settled(data.ledger)}
              rowKey={(row) => `${row.entry} ${row.reference} ${row.payment_id} ${row.debit} ${row.at}`}
              empty={t('desks.none')}
              columns={[
                { name: 'at', label: t('desks.at'), cell: (row) => <Moment at={row.at} /> },
                { name: 'entry', label: t('payments.entry'), cell: (row) => row.entry.replaceAll('_', ' ') },
                { name: 'debit', label: t('payments.debit'), cell: (row) => row.debit.replaceAll('_', ' ') },
                { name: 'credit', label: t('payments.credit'), cell: (row) => row.credit.replaceAll('_', ' ') },
                { name: 'amount', label: t('desks.amount'), numeric: true, cell: (row) => <Amount of={row.amount} /> },
              ]}
            />
          </Part>
        </>
      ) : null}
    </Desk>
  );
}
