import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import LinearProgress from '@mui/material/LinearProgress';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { type FormEvent, useRef, useState } from 'react';
import { useListContext, useRefresh } from 'react-admin';
import { useProblemText } from '../../words/useProblemText';
import { useWords } from '../../words/words';
import { actOnAll, type BulkAction, type Result } from './bulk';
import { type OrderRow, reference } from './source';

/** Asks once, does it to each order, and says of each what came of it. */
export function BulkDialog({ action, orders, onClose }: { action: BulkAction; orders: OrderRow[]; onClose: () => void }) {
  const { t } = useWords();
  const say = useProblemText();
  const refresh = useRefresh();
  const { onSelect } = useListContext();
  const [reason, setReason] = useState('');
  const [isMissing, setMissing] = useState(false);
  const [isRunning, setRunning] = useState(false);
  const [results, setResults] = useState<ReadonlyMap<string, Result>>(new Map());
  const keys = useRef(new Map<string, string>());

  const settled = [...results.values()].filter((result) => result !== 'waiting').length;
  const failed = orders.filter((order) => isFailure(results.get(order.order_id)));
  const hasBegun = results.size > 0;
  const needsReason = action === 'hold';

  const run = async (event: FormEvent) => {
    event.preventDefault();
    if (needsReason && !reason.trim()) {
      setMissing(true);
      return;
    }
    const asked = hasBegun ? failed : orders;
    setRunning(true);
    setResults((before) => new Map([...before, ...asked.map((order): [string, Result] => [order.order_id, 'waiting'])]));
    await actOnAll(action, asked, reason, keys.current, (orderId, result) =>
      setResults((before) => new Map([...before, [orderId, result]])),
    );
    setRunning(false);
    refresh();
  };

  const close = () => {
    if (hasBegun) onSelect(failed.map((order) => order.order_id)); // what is left to do stays selected
    onClose();
  };

  const textOf = (result: Result | undefined): string => {
    if (result === undefined) return '';
    if (result === 'waiting') return t('bulk.waiting');
    if (result === 'done') return t('bulk.done');
    return 'error' in result ? say(result.error) : t('bulk.nothing');
  };

  return (
    <Dialog open onClose={isRunning ? undefined : close} fullWidth maxWidth="sm" aria-labelledby="bulk-title">
      <form onSubmit={run} noValidate>
        <DialogTitle id="bulk-title" variant="h2" component="h2">
          {t(`bulk.${action}.title`, { smart_count: orders.length })}
        </DialogTitle>
        <DialogContent>
          <TextField
            label={t(needsReason ? 'bulk.reason' : 'bulk.note')}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            required={needsReason}
            error={isMissing && !reason.trim()}
            helperText={isMissing && !reason.trim() ? t('action.required') : t(`bulk.${action}.help`)}
            slotProps={{ htmlInput: { readOnly: hasBegun } }}
            fullWidth
            autoFocus
            margin="dense"
          />
          {isRunning && (
            <LinearProgress variant="determinate" value={(100 * settled) / orders.length} aria-label={t('bulk.waiting')} />
          )}
          <Typography role="status" sx={{ py: 1 }}>
            {hasBegun && !isRunning && t('bulk.summary', { done: orders.length - failed.length, all: orders.length })}
          </Typography>
          <Box component="ul" aria-label={t('bulk.results')} sx={{ listStyle: 'none', p: 0, m: 0 }}>
            {orders.map((order) => {
              const result = results.get(order.order_id);
              return (
                <Box
                  component="li"
                  key={order.order_id}
                  sx={{ display: 'flex', gap: 2, py: 0.75, borderTop: 1, borderColor: 'divider' }}
                >
                  <Box component="span" sx={{ fontWeight: 650, whiteSpace: 'nowrap' }}>
                    {reference(order.order_id)}
                  </Box>
                  <Box
                    component="span"
                    sx={{ color: isFailure(result) ? 'error.main' : 'text.secondary', overflowWrap: 'anywhere' }}
                  >
                    {textOf(result)}
                  </Box>
                </Box>
              );
            })}
          </Box>
        </DialogContent>
        <DialogActions sx={{ px: 3, pb: 2.5 }}>
          <Button color="inherit" onClick={close} disabled={isRunning}>
            {t(hasBegun ? 'bulk.close' : 'action.back')}
          </Button>
          {(!hasBegun || failed.length > 0) && (
            <Button type="submit" variant="contained" color={action === 'cancel' ? 'error' : 'primary'} loading={isRunning}>
              {t(hasBegun ? 'bulk.repeat' : `bulk.${action}`)}
            </Button>
          )}
        </DialogActions>
      </form>
    </Dialog>
  );
}

const isFailure = (result: Result | undefined): boolean => typeof result === 'object' && 'error' in result;
