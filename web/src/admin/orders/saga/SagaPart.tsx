import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import CircularProgress from '@mui/material/CircularProgress';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { Card } from '../../parts/Card';
import { Failed } from '../../parts/Failed';
import { useLabel } from '../../parts/useLabel';
import { type Order, useSaga } from '../page/useOrder';
import { SagaActions } from './SagaActions';
import { SagaChart } from './SagaChart';
import { SagaTable } from './SagaTable';
import { SagaWaits } from './SagaWaits';

/** The order's way through the services: what it waits for, what is owed to it, and every step with its cause. */
export default function SagaPart({ order }: { order: Order }) {
  const { t } = useWords();
  const say = useProblemText();
  const label = useLabel();
  const saga = useSaga(order.order_id);
  if (!saga.data) {
    if (saga.error) return <Failed text={say(saga.error)} again={saga.refetch} />;
    return <CircularProgress aria-label={t('ra.page.loading')} sx={{ m: 4 }} />;
  }
  const { facts, missing_services } = saga.data;
  return (
    <>
      {saga.error && <Failed text={say(saga.error)} again={saga.refetch} />}
      {missing_services.length > 0 && (
        <Alert severity="warning" sx={{ mb: 2 }}>
          {t('saga.missing', { services: missing_services.map((name) => label('service', name)).join(', ') })}
        </Alert>
      )}
      <Card title={t('saga.now')} actions={<SagaActions order={order} />}>
        <SagaWaits saga={saga.data} />
      </Card>
      <Card title={t('saga.steps')}>
        <SagaChart facts={facts} />
        <Box sx={{ mt: 2 }}>
          <SagaTable facts={facts} />
        </Box>
      </Card>
    </>
  );
}
