/** One return: decide it, take in what comes, and see the refund that follows. */
import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router-dom';
import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Desk, Part } from '../kit/Desk';
import { Facts } from '../kit/Facts';
import { Mark } from '../kit/Mark';
import { Refusal } from '../kit/Refusal';
import { Rows, Waiting } from '../kit/Rows';
import { Amount, Moment, OrderRef, shortName } from '../kit/refs';
import { keyed, useAct } from '../kit/useAct';
import { DecideReturnAsk } from './DecideReturnAsk';
import { ReceiptEntry } from './ReceiptEntry';

export function ReturnPage() {
  const { t } = useWords();
  const decides = useMay('support');
  const inspects = useMay('support', 'warehouse');
  const seesMoney = useMay('support', 'finance', 'auditor');
  const { orderId = '', returnId = '' } = useParams();
  const path = { order_id: orderId };
  const [asked, setAsked] = useState<'approve' | 'decline' | null>(null);
  const returns = useQuery({
    queryKey: ['returns', 'of', orderId],
    queryFn: () => told(api.GET('/api/admin/orders/{order_id}/returns', { params: { path } })),
    retry: false,
  });
  const refunds = useQuery({
    queryKey: ['refunds', 'of', orderId],
    queryFn: () => told(api.GET('/api/admin/orders/{order_id}/refunds', { params: { path } })),
    enabled: seesMoney,
    retry: false,
    refetchInterval: (query) => (query.state.data?.items.some((one) => one.state === 'requested') ? 1500 : false),
  });
  const close = useAct(
    (_: null, key) =>
      told(
        api.POST('/api/admin/orders/{order_id}/returns/{return_id}/close', {
          params: { path: { order_id: orderId, return_id: returnId }, header: keyed(key) },
        }),
      ),
    { said: () => t('returns.closed'), stale: ['returns'] },
  );
  const back = returns.data?.items.find((one) => one.return_id === returnId);
  const title = t('returns.one', { name: shortName(returnId) });
  if (!back) {
    return (
      <Desk title={title}>
        <Refusal error={returns.error} again={() => void returns.refetch()} />
        {returns.isPending ? <Waiting /> : null}
        {returns.isSuccess ? <Typography>{t('returns.unknown')}</Typography> : null}
      </Desk>
    );
  }
  const waits = ['approved', 'partially_received'].includes(back.state);
  const mine = refunds.data?.items.filter((one) => one.return_id === returnId) ?? [];
  return (
    <Desk
      title={title}
      intro={
        <>
          <OrderRef id={back.order_id} /> · <Mark of={back.state} />
        </>
      }
      actions={
        <>
          {decides && ['requested', 'declined'].includes(back.state) ? (
            <Button variant="contained" onClick={() => setAsked('approve')}>
              {t('returns.approve')}
            </Button>
          ) : null}
          {decides && ['requested', 'approved'].includes(back.state) ? (
            <Button variant="outlined" color="error" onClick={() => setAsked('decline')}>
              {t('returns.decline')}
            </Button>
          ) : null}
          {decides && back.state === 'partially_received' ? (
            <Button variant="outlined" onClick={() => void close.run(null)} loading={close.busy}>
              {t('returns.close')}
            </Button>
          ) : null}
        </>
      }
    >
      <Refusal error={close.error} />
      <Part title={t('returns.what')}>
        <Facts
          of={[
            [t('returns.asked'), <Moment key="asked" at={back.created_at} />],
            [t('returns.until'), <Moment key="until" at={back.deadline_at} />],
            [t('returns.worth'), <Amount key="worth" of={back.refund_amount} />],
            [t('returns.fee'), <Amount key="fee" of={back.fee_amount} />],
            [t('returns.note'), back.note || '–'],
            [t('returns.reason'), back.reason ? t(`refusal.${back.reason}`) : '–'],
            [t('returns.decision_notes'), back.decision_notes || '–'],
            [t('returns.label'), back.label?.tracking_number ?? (back.label ? t('shipping.label_coming') : '–')],
          ]}
        />
        {back.exchange ? (
          <Alert severity="info" sx={{ mb: 2 }}>
            {t(`exchange.${back.exchange.stage}`)}:{' '}
            {back.exchange.items.map((item) => `${item.quantity} × ${item.product_id}`).join(', ')}{' '}
            {back.exchange.order_id ? <OrderRef id={back.exchange.order_id} /> : null}
          </Alert>
        ) : null}
        <Rows
          caption={t('returns.units')}
          pages={{ rows: back.lines, error: null, loading: false }}
          rowKey={(line) => line.item_id}
          empty=""
          columns={[
            { name: 'sku', label: t('desks.sku'), cell: (line) => line.product_id },
            { name: 'why', label: t('returns.why'), cell: (line) => t(`return_reason.${line.reason}`) },
            { name: 'units', label: t('returns.agreed'), numeric: true, cell: (line) => line.quantity },
            { name: 'came', label: t('returns.came'), numeric: true, cell: (line) => line.received },
          ]}
        />
      </Part>
      {waits && inspects ? <ReceiptEntry back={back} /> : null}
      {back.receipts.length ? (
        <Part title={t('returns.receipts')}>
          {back.receipts.map((receipt) => (
            <Typography key={receipt.receipt_id} component="div" sx={{ mb: 1.5 }}>
              <strong>
                <Moment at={receipt.at} />
              </strong>{' '}
              · {receipt.warehouse_id} · {receipt.by}
              <ul>
                {receipt.lines.map((line) => (
                  <li key={`${line.item_id} ${line.disposition}`}>
                    {line.quantity} × {line.product_id}: {t(`disposition.${line.disposition}`)}
                    {line.refund ? '' : `, ${t('returns.unpaid')}`}
                  </li>
                ))}
              </ul>
            </Typography>
          ))}
        </Part>
      ) : null}
      {refunds.data && back.receipts.length ? (
        <Part title={t('returns.refunds')}>
          <Refusal error={refunds.error} again={() => void refunds.refetch()} />
          <div aria-live="polite">
            {mine.map((refund) => (
              <Alert key={refund.refund_id} severity={refund.state === 'failed' ? 'error' : 'info'} sx={{ mb: 1 }}>
                <Amount of={refund.amount} /> · <Mark of={refund.state} /> {refund.error}
              </Alert>
            ))}
            {mine.length ? null : <Typography>{t('returns.no_refund')}</Typography>}
          </div>
        </Part>
      ) : null}
      {asked ? <DecideReturnAsk back={back} decision={asked} onClose={() => setAsked(null)} /> : null}
    </Desk>
  );
}
