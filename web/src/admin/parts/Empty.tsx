import Inbox from '@mui/icons-material/InboxOutlined';
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { ReactNode } from 'react';

/** Nothing is here, and why that may be. */
export function Empty({ text, children }: { text: string; children?: ReactNode }) {
  return (
    <Box sx={{ py: 6, px: 2, textAlign: 'center', color: 'text.secondary' }}>
      <Inbox sx={{ fontSize: 44, opacity: 0.6 }} />
      <Typography role="status">{text}</Typography>
      {children}
    </Box>
  );
}
