/** A question in a window: a form with its refusal, that closes when the answer was taken and gives the focus back. */
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import Stack from '@mui/material/Stack';
import useMediaQuery from '@mui/material/useMediaQuery';
import { type FormEvent, type ReactNode, useId } from 'react';
import { useWords } from '../../../words/words';
import { Refusal } from './Refusal';

export function Ask({
  title,
  children,
  submit,
  danger = false,
  busy = false,
  disabled = false,
  error = null,
  shown,
  wide = false,
  onSubmit,
  onClose,
}: {
  title: string;
  children: ReactNode;
  submit: string;
  danger?: boolean;
  busy?: boolean;
  disabled?: boolean;
  error?: unknown;
  shown?: string[];
  wide?: boolean;
  onSubmit: () => void;
  onClose: () => void;
}) {
  const { t } = useWords();
  const id = useId();
  const narrow = useMediaQuery('(max-width: 480px)');
  const send = (event: FormEvent) => {
    event.preventDefault();
    event.stopPropagation();
    if (!busy && !disabled) onSubmit();
  };
  return (
    <Dialog open onClose={onClose} aria-labelledby={id} fullWidth maxWidth={wide ? 'md' : 'sm'} fullScreen={narrow}>
      <form onSubmit={send} noValidate style={{ display: 'contents' }}>
        <DialogTitle id={id}>{title}</DialogTitle>
        <DialogContent>
          <Refusal error={error} shown={shown} />
          <Stack spacing={2} sx={{ pt: 1 }}>
            {children}
          </Stack>
        </DialogContent>
        <DialogActions sx={{ px: 3, pb: 2 }}>
          <Button onClick={onClose} color="inherit">
            {t('desks.leave')}
          </Button>
          <Button type="submit" variant="contained" color={danger ? 'error' : 'primary'} disabled={disabled} loading={busy}>
            {submit}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
