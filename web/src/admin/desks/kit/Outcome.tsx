import Typography from '@mui/material/Typography';
import type { Result } from './useEach';

/** What became of a row. */
export function Outcome({ of }: { of: Result }) {
  return (
    <Typography
      variant="body2"
      sx={{ borderInlineStart: 3, borderColor: of.state === 'failed' ? 'error.main' : 'success.main', pl: 1 }}
      color={of.state === 'failed' ? 'error' : 'text.primary'}
    >
      {of.text}
    </Typography>
  );
}
