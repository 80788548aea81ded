import Link from '@mui/material/Link';
import { Link as RouterLink } from 'react-router-dom';
import { useWords } from '../../../words/words';
import { Card } from '../../parts/Card';
import { Facts } from '../../parts/Facts';
import { Moment } from '../../parts/Moment';
import type { Order } from './useOrder';

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
    <Card title={t('customer.title')}>
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
