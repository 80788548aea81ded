import Box from '@mui/material/Box';
import type { ReactNode } from 'react';

/** Names and what they are, in as many columns as there is room for. */
export function Facts({ of }: { of: [string, ReactNode][] }) {
  return (
    <Box
      component="dl"
      sx={{
        m: 0,
        mb: 2,
        display: 'grid',
        gap: 1.5,
        gridTemplateColumns: 'repeat(auto-fill, minmax(min(100%, 13rem), 1fr))',
        '& dt': { color: 'text.secondary', fontSize: '0.8rem' },
        '& dd': { m: 0, overflowWrap: 'anywhere' },
      }}
    >
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </Box>
  );
}
