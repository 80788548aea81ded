import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Link from '@mui/material/Link';
import { Link as RouterLink } from 'react-router-dom';
import { useWords } from '../../../words/words';
import { Moment } from '../../parts/Moment';
import { StateChip } from '../../parts/StateChip';
import { useLabel } from '../../parts/useLabel';
import { reference } from '../source';
import { AXES, type Axis } from '../states';
import { type Order, useSaga } from './useOrder';

/** The public status, the four axes behind it, and why a person has to look, if so. */
export function OrderStates({ order }: { order: Order }) {
  const { t } = useWords();
  const label = useLabel();
  const saga = useSaga(order.order_id);
  const source = order.exchange?.exchange_for;
  const late = saga.data?.waiting_for.filter((wait) => wait.overdue) ?? [];
  return (
    <Box sx={{ pb: 1 }}>
      <Box
        role="group"
        aria-label={t('order.states')}
        sx={{ display: 'flex', flexWrap: 'wrap', gap: 1, alignItems: 'center', pb: 1.5 }}
      >
        <StateChip area="status" state={order.status} />
        {(Object.keys(AXES) as Axis[])
          .filter((axis) => axis !== 'return_state' || order.return_state !== 'none')
          .map((axis) => (
            <StateChip key={axis} area={axis} state={order[axis]} before={t(`orders.field.${axis}`)} />
          ))}
      </Box>
      {order.hold_reason && (
        <Alert severity="warning" sx={{ mb: 1 }}>
          {t('order.held', { reason: label('hold', order.hold_reason) })}
        </Alert>
      )}
      {order.cancel_reason && (
        <Alert severity="info" sx={{ mb: 1 }}>
          {t('order.cancelled', { reason: label('cancel_reason', order.cancel_reason) })}
        </Alert>
      )}
      {source && (
        <Alert severity="info" sx={{ mb: 1 }}>
          {t(source.waits ? 'order.exchange_waits' : 'order.exchange_for')}{' '}
          <Link component={RouterLink} to={`/orders/${source.order_id}/show#returns`} color="inherit">
            {t('order.title', { order: reference(source.order_id) })}
          </Link>
        </Alert>
      )}
      {late.length > 0 && (
        <Alert severity="error" sx={{ mb: 1 }}>
          {t('order.stuck', { service: late.map((wait) => label('service', wait.service)).join(', ') })}{' '}
          <Link component={RouterLink} to={`/orders/${order.order_id}/show/saga`} color="inherit">
            {t('order.stuck.why')}
          </Link>
        </Alert>
      )}
      {order.payment_action && order.order_state === 'pending' && (
        <Alert severity="info" sx={{ mb: 1 }}>
          {t(`payment_action.${order.payment_action.kind}`)} <Moment at={order.payment_action.deadline_at} />
        </Alert>
      )}
    </Box>
  );
}
