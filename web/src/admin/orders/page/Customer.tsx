import Link from '@mui/material/Link';
import { Link as RouterLink } from 'react-router-dom';
import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { ActionButton } from '../../parts/ActionButton';
import { Card } from '../../parts/Card';
import { Facts } from '../../parts/Facts';
import { Moment } from '../../parts/Moment';
import { useMay } from '../../roles';
import { reference } from '../source';
import { type Order, useReread } from './useOrder';

const ADDRESS = ['name', 'line1', 'line2', 'postal_code', 'city', 'region', 'country'] as const;

const lines = (address: Record<string, unknown>): string =>
  ADDRESS.map((name) => address[name])
    .filter(Boolean)
    .join(', ');

/** Who ordered, when, and where it goes. */
export function Customer({ order }: { order: Order }) {
  const { t } = useWords();
  const others = `/orders?filter=${encodeURIComponent(JSON.stringify({ user_id: order.user_id }))}`;
  const isElsewhere = lines(order.billing_address) !== lines(order.shipping_address);
  return (
    <Card title={t('customer.title')} actions={<Erase order={order} />}>
      <Facts
        facts={[
          [
            t('orders.field.user_id'),
            <Link key="user" component={RouterLink} to={others} title={t('customer.others')}>
              {order.user_id}
            </Link>,
          ],
          [t('customer.placed'), <Moment key="placed" at={order.order_date} />],
          [t('customer.ships_to'), lines(order.shipping_address)],
          [t('customer.billed_to'), isElsewhere ? lines(order.billing_address) : null],
          [t('customer.email'), String(order.contact.email ?? '')],
          [t('customer.phone'), String(order.contact.phone ?? '')],
          [t('customer.shipping'), order.shipping?.name],
          [t('customer.order_id'), order.order_id],
        ]}
      />
    </Card>
  );
}

/** Forget who ordered, for good; refused as long as somebody must still be reached about the order. */
function Erase({ order }: { order: Order }) {
  const { t } = useWords();
  const reread = useReread(order.order_id);
  const mayErase = useMay('support');
  return (
    <ActionButton
      available={mayErase && Boolean(order.contact.email)}
      label={t('customer.erase')}
      size="small"
      color="error"
      title={t('customer.erase.title', { order: reference(order.order_id) })}
      text={t('customer.erase.text')}
      confirm={t('customer.erase')}
      draft={`customer.erase.${order.order_id}`}
      send={(_, intention) =>
        told(
          api.DELETE('/api/admin/orders/{order_id}/personal-data', {
            params: { path: { order_id: order.order_id }, header: { 'Idempotency-Key': intention } },
          }),
        )
      }
      done={() => {
        reread();
        return 'customer.erase.done';
      }}
      refresh={reread}
    />
  );
}
