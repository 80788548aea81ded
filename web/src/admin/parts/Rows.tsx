import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { ReactNode } from 'react';

interface Row {
  key: string;
  what: ReactNode;
  about?: ReactNode;
  actions?: ReactNode;
}

/** A short list inside a card: what, something about it, and what can be done with it. */
export function Rows({ rows, empty }: { rows: readonly Row[] | undefined; empty: string }) {
  if (!rows) return null;
  if (rows.length === 0) return <Typography color="text.secondary">{empty}</Typography>;
  return (
    <Box component="ul" sx={{ listStyle: 'none', m: 0, p: 0 }}>
      {rows.map((row) => (
        <Box
          component="li"
          key={row.key}
          sx={{
            display: 'flex',
            flexWrap: 'wrap',
            alignItems: 'center',
            columnGap: 1,
            py: 0.75,
            borderTop: 1,
            borderColor: 'divider',
            '&:first-of-type': { borderTop: 0 },
          }}
        >
          <Box sx={{ flex: '1 1 140px', minWidth: 0, overflowWrap: 'anywhere' }}>
            {row.what}
            {row.about && (
              <Typography variant="body2" component="div" color="text.secondary">
                {row.about}
              </Typography>
            )}
          </Box>
          {row.actions}
        </Box>
      ))}
    </Box>
  );
}
