import Box from '@mui/material/Box';

/** A risk score from 0 to 100, as a number and as a bar. */
export function Score({ of }: { of: number }) {
  return (
    <Box sx={{ display: 'flex', alignItems: 'center', gap: 1, fontVariantNumeric: 'tabular-nums', fontWeight: 700 }}>
      {of}
      <Box aria-hidden sx={{ width: 56, height: 8, borderRadius: 4, backgroundColor: 'divider', overflow: 'hidden' }}>
        <Box sx={{ width: `${of}%`, height: '100%', backgroundColor: of >= 80 ? 'error.main' : 'warning.main' }} />
      </Box>
    </Box>
  );
}
