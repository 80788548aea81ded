import Divider from '@mui/material/Divider';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { api, told } from '../../../api/client';
import { moneyText } from '../../../look/money';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { Card } from '../../parts/Card';
import { Facts } from '../../parts/Facts';
import { Failed } from '../../parts/Failed';
import { Rows } from '../../parts/Rows';
import { StateChip } from '../../parts/StateChip';
import { useLabel } from '../../parts/useLabel';
import { useMay } from '../../roles';
import { AskRefund } from './AskRefund';
import { Refunds } from './Refunds';
import type { Order } from './useOrder';

/** What was to be paid, what was taken and given back, and by which payments. */
export function MoneyPart({ order }: { order: Order }) {
  const { t, language } = useWords();
  const label = useLabel();
  const mayAsk = useMay('support', 'finance');
  const seesMoney = useMay('support', 'finance', 'auditor');
  return (
    <Card title={t('money.title')} id="money" actions={mayAsk && <AskRefund order={order} />}>
      <Facts
        facts={[
          [t('money.total'), moneyText(order.total_amount, language)],
          [t('money.captured'), moneyText(order.captured_amount, language)],
          [t('money.refunded'), moneyText(order.refunded_amount, language)],
          [t('money.method'), label('method', order.payment_method)],
        ]}
      />
      {seesMoney && (
        <>
          <Divider sx={{ my: 2 }} />
          <Refunds orderId={order.order_id} />
          <Payments orderId={order.order_id} />
        </>
      )}
    </Card>
  );
}

function Payments({ orderId }: { orderId: string }) {
  const { t, language } = useWords();
  const say = useProblemText();
  const label = useLabel();
  const payments = useQuery({
    queryKey: ['order', orderId, 'payments'],
    queryFn: ({ signal }) =>
      told(api.GET('/api/admin/payments/{order_id}', { params: { path: { order_id: orderId } }, signal })).catch((error) => {
        if (error.status === 404) return null; // payment has not heard of the order yet
        throw error;
      }),
  });
  return (
    <>
      <Typography variant="h3" sx={{ mt: 2 }}>
        {t('order.payments.title')}
      </Typography>
      {payments.error && <Failed text={say(payments.error)} again={payments.refetch} />}
      {payments.data === null && <Typography color="text.secondary">{t('order.payments.none')}</Typography>}
      {payments.data && (
        <Rows
          empty={t('order.payments.none')}
          rows={payments.data.payments.map((one) => ({
            key: one.payment_id,
            what: moneyText(one.amount, language),
            about: [
              one.psp_reference,
              one.code && label('code', one.code),
              t('order.payments.attempts', { smart_count: one.attempts }),
              one.due && t('order.payments.due', { what: label('job', one.due) }),
            ]
              .filter(Boolean)
              .join(' · '),
            actions: <StateChip area="payment" state={one.status} />,
          }))}
        />
      )}
    </>
  );
}
