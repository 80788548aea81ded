import Box from '@mui/material/Box';
import CircularProgress from '@mui/material/CircularProgress';
import { lazy, Suspense, useEffect } from 'react';
import { useLocation, useParams } from 'react-router-dom';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { PageHead } from '../../frame/PageHead';
import { Failed } from '../../parts/Failed';
import { useMay } from '../../roles';
import { reference } from '../source';
import { Customer } from './Customer';
import { Documents } from './Documents';
import { Items } from './Items';
import { MoneyPart } from './MoneyPart';
import { Notes } from './Notes';
import { Notifications } from './Notifications';
import { OrderActions } from './OrderActions';
import { OrderStates } from './OrderStates';
import { Parts } from './Parts';
import { Returns } from './Returns';
import { ReviewActions } from './ReviewActions';
import { Shipments } from './Shipments';
import { Timeline } from './Timeline';
import { useOrder } from './useOrder';

const SagaPart = lazy(() => import('../saga/SagaPart'));

/** An order: what it is, what has become of it, and what can be done about it. */
export default function OrderPage() {
  const { id = '' } = useParams();
  const { t } = useWords();
  const say = useProblemText();
  const { hash, pathname } = useLocation();
  const order = useOrder(id);
  const isSaga = pathname.endsWith('/saga');
  const found = order.data !== undefined;

  useEffect(() => {
    if (found && hash) document.getElementById(hash.slice(1))?.scrollIntoView();
  }, [found, hash]);

  const head = (
    <PageHead title={t('order.title', { order: reference(id) })}>
      {order.data && (
        <>
          <ReviewActions order={order.data.data} />
          <OrderActions order={order.data.data} version={order.data.version} />
        </>
      )}
    </PageHead>
  );
  if (!order.data) {
    return (
      <>
        {head}
        {order.error ? (
          <Failed text={say(order.error)} again={order.refetch} />
        ) : (
          <CircularProgress aria-label={t('ra.page.loading')} sx={{ m: 4 }} />
        )}
      </>
    );
  }
  return (
    <>
      {head}
      {order.error && <Failed text={say(order.error)} again={order.refetch} />}
      <OrderStates order={order.data.data} />
      <Parts id={id} isSaga={isSaga} />
      {isSaga ? (
        <Suspense fallback={<CircularProgress aria-label={t('ra.page.loading')} sx={{ m: 4 }} />}>
          <SagaPart order={order.data.data} />
        </Suspense>
      ) : (
        <Overview {...order.data} />
      )}
    </>
  );
}

type Found = NonNullable<ReturnType<typeof useOrder>['data']>;

function Overview({ data: order, version }: Found) {
  const seesReturns = useMay('support', 'warehouse', 'finance', 'auditor');
  const seesDocuments = useMay('support', 'finance', 'auditor');
  const seesNotifications = useMay('support', 'auditor');
  return (
    <Box
      sx={{
        display: 'grid',
        gap: { xs: 0, lg: 2 },
        gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'minmax(0, 5fr) minmax(0, 3fr)' },
        alignItems: 'start',
      }}
    >
      <Box>
        <Items order={order} />
        <Shipments order={order} version={version} />
        {seesReturns && <Returns order={order} />}
        <Timeline orderId={order.order_id} />
      </Box>
      <Box>
        <MoneyPart order={order} />
        <Customer order={order} />
        <Notes orderId={order.order_id} />
        {seesDocuments && <Documents orderId={order.order_id} />}
        {seesNotifications && <Notifications orderId={order.order_id} />}
      </Box>
    </Box>
  );
}
