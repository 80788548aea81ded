/**
 * Dispatch by scan. A scanner types a code and presses Enter: the field is free at once for the next, its focus never leaves, and
 * what became of each code is shown in a list that screen readers speak.
 */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Paper from '@mui/material/Paper';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useRef, useState } from 'react';
import { api, newIntention, told } from '../../../api/client';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { shortName } from '../kit/refs';
import { keyed } from '../kit/useAct';
import { scanned, type Work } from './work';

interface Scan {
  number: number;
  code: string;
  state: 'working' | 'done' | 'failed';
  text: string;
}

const KEPT = 8;

async function search(code: string): Promise<{ order_id: string; shipment_id: string } | null> {
  if (code.length < 6) return null;
  const { items } = await told(api.GET('/api/admin/search', { params: { query: { q: code } } }));
  const parcels = items.filter((one) => one.kind === 'shipment');
  const [parcel] = parcels;
  return parcels.length === 1 && parcel?.order_id ? { order_id: parcel.order_id, shipment_id: parcel.id } : null;
}

export function ScanField({ queue }: { queue: Work[] }) {
  const { t } = useWords();
  const say = useProblemText();
  const queries = useQueryClient();
  const field = useRef<HTMLInputElement>(null);
  const numbers = useRef(0);
  const [code, setCode] = useState('');
  const [scans, setScans] = useState<Scan[]>([]);

  const note = (scan: Scan) =>
    setScans((before) => [scan, ...before.filter((one) => one.number !== scan.number)].slice(0, KEPT));

  const dispatch = async (wanted: string) => {
    numbers.current += 1;
    const scan: Scan = { number: numbers.current, code: wanted, state: 'working', text: t('shipping.scan.working') };
    note(scan);
    try {
      const parcel = scanned(wanted, queue) ?? (await search(wanted));
      if (!parcel) {
        note({ ...scan, state: 'failed', text: t('shipping.scan.unknown') });
        return;
      }
      const { order_id, shipment_id } = parcel;
      await told(
        api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/dispatch', {
          params: { path: { order_id, shipment_id }, header: keyed(newIntention()) },
        }),
      );
      note({
        ...scan,
        state: 'done',
        text: t('shipping.scan.done', { parcel: shortName(shipment_id), order: shortName(order_id) }),
      });
      void queries.invalidateQueries({ queryKey: ['shipments'] });
    } catch (error) {
      note({ ...scan, state: 'failed', text: say(error) });
    }
  };

  const enter = (event: FormEvent) => {
    event.preventDefault();
    const wanted = code.trim();
    if (wanted) void dispatch(wanted);
    setCode('');
    field.current?.focus();
  };

  return (
    <Paper variant="outlined" sx={{ p: { xs: 1.5, sm: 2.5 }, mb: 3 }}>
      <form onSubmit={enter}>
        <Box sx={{ display: 'flex', gap: 1.5, flexWrap: 'wrap', alignItems: 'flex-start' }}>
          <TextField
            label={t('shipping.scan.label')}
            helperText={t('shipping.scan.help')}
            value={code}
            onChange={(event) => setCode(event.target.value)}
            inputRef={field}
            autoComplete="off"
            sx={{ flex: '1 1 16rem' }}
            slotProps={{ htmlInput: { autoCapitalize: 'characters', spellCheck: false, enterKeyHint: 'send', maxLength: 100 } }}
          />
          <Button type="submit" variant="contained" size="large" sx={{ minHeight: 56 }}>
            {t('shipping.dispatch')}
          </Button>
        </Box>
      </form>
      <Box role="log" aria-label={t('shipping.scan.log')} aria-live="polite" sx={{ mt: scans.length ? 1.5 : 0 }}>
        {scans.map((scan, place) => (
          <Box
            key={scan.number}
            sx={{
              display: 'flex',
              gap: 1.5,
              alignItems: 'baseline',
              flexWrap: 'wrap',
              px: 1.5,
              py: place === 0 ? 1.5 : 0.75,
              borderInlineStart: 4,
              borderColor: { working: 'divider', done: 'success.main', failed: 'error.main' }[scan.state],
              backgroundColor: place === 0 ? 'action.hover' : undefined,
              mb: 0.5,
              fontSize: place === 0 ? '1.1rem' : '0.9rem',
            }}
          >
            <Typography component="span" sx={{ fontFamily: 'monospace', fontSize: 'inherit', overflowWrap: 'anywhere' }}>
              {scan.code}
            </Typography>
            <Typography
              component="span"
              sx={{ fontSize: 'inherit', fontWeight: place === 0 ? 600 : 400, flex: 1, minWidth: '10rem' }}
              color={{ working: 'text.secondary', done: 'success', failed: 'error' }[scan.state]}
            >
              {scan.text}
            </Typography>
            {scan.state === 'failed' ? (
              <Button size="small" onClick={() => void dispatch(scan.code)}>
                {t('desks.again')}
              </Button>
            ) : null}
          </Box>
        ))}
      </Box>
    </Paper>
  );
}
