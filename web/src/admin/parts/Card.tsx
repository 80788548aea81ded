import Box from '@mui/material/Box';
import Paper from '@mui/material/Paper';
import Typography from '@mui/material/Typography';
import { type ReactNode, useId } from 'react';

interface Props {
  title: string;
  /** Names the place in the address: `#money`. */
  id?: string;
  actions?: ReactNode;
  children: ReactNode;
}

/** A part of a page, with a heading of its own. */
export function Card({ title, id, actions, children }: Props) {
  const heading = useId();
  return (
    <Paper
      variant="outlined"
      component="section"
      id={id}
      aria-labelledby={heading}
      sx={{ p: { xs: 1.5, sm: 2.5 }, mb: 2, scrollMarginTop: 64 }}
    >
      <Box sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 1, mb: 1.5 }}>
        <Typography variant="h2" id={heading} sx={{ flexGrow: 1 }}>
          {title}
        </Typography>
        {actions}
      </Box>
      {children}
    </Paper>
  );
}
