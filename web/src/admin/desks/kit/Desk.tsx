/** The frame of a desk: its heading, what can be done on it, and its parts. */
import Box from '@mui/material/Box';
import Paper from '@mui/material/Paper';
import Typography from '@mui/material/Typography';
import type { ReactNode } from 'react';
import { PageHead } from '../../frame/PageHead';

export function Desk({
  title,
  intro,
  actions,
  children,
}: {
  title: string;
  intro?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <Box sx={{ maxWidth: 1400, width: '100%', minWidth: 0 }}>
      <Box sx={{ '@media print': { display: 'none' } }}>
        <PageHead title={title}>{actions}</PageHead>
        {intro ? (
          <Typography component="div" sx={{ color: 'text.secondary', mb: 2.5, maxWidth: '75ch' }}>
            {intro}
          </Typography>
        ) : null}
      </Box>
      {children}
    </Box>
  );
}

/** A part of a desk on paper of its own. */
export function Part({ title, actions, children }: { title?: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <Paper variant="outlined" component="section" aria-label={title} sx={{ p: { xs: 1.5, sm: 2.5 }, mb: 3, minWidth: 0 }}>
      {title || actions ? (
        <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1, alignItems: 'center', mb: 1.5 }}>
          {title ? (
            <Typography variant="h2" sx={{ flex: '1 1 auto' }}>
              {title}
            </Typography>
          ) : null}
          {actions}
        </Box>
      ) : null}
      {children}
    </Paper>
  );
}

/** Filters and small fields in a row that wraps. */
export function Bar({ children, label }: { children: ReactNode; label?: string }) {
  return (
    <Box
      role={label ? 'group' : undefined}
      aria-label={label}
      sx={{
        display: 'flex',
        flexWrap: 'wrap',
        gap: 1.5,
        alignItems: 'center',
        mt: 1,
        mb: 2,
        '@media print': { display: 'none' },
      }}
    >
      {children}
    </Box>
  );
}
