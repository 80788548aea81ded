import type { SxProps, Theme } from '@mui/material/styles';

/** The look of a list's table, and of its rows as cards where there is no room for columns. */
export const sheet: SxProps<Theme> = {
  width: '100%',
  borderCollapse: 'collapse',
  fontSize: '0.9rem',
  '& th': {
    textAlign: 'start',
    fontWeight: 600,
    color: 'text.secondary',
    fontSize: '0.8rem',
    px: 1.25,
    py: 1,
    borderBottom: 1,
    borderColor: 'divider',
    verticalAlign: 'bottom',
  },
  '& td': {
    px: 1.25,
    py: 1.1,
    borderBottom: 1,
    borderColor: 'divider',
    verticalAlign: 'top',
    overflowWrap: 'anywhere',
  },
  '& .numeric': { textAlign: 'end', fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' },
  '& td.actions': { whiteSpace: 'nowrap', textAlign: 'end', py: 0.5 },
  '& .pick': { width: 44, px: 0.25, py: 0 },
  '& tr.noted > td': { borderBottom: 0 },
  '& tr.note > td': { pt: 0 },
  '& tbody tr:not(.note):hover': { backgroundColor: 'action.hover' },
  '@media (max-width: 760px)': {
    '&, & tbody, & tr, & td': { display: 'block' },
    '& thead': { position: 'absolute', width: '1px', height: '1px', overflow: 'hidden', clipPath: 'inset(50%)' },
    '& tbody tr': { borderBottom: 1, borderColor: 'divider', py: 1, position: 'relative' },
    '& tr.noted': { borderBottom: 0 },
    '& td, & td.numeric': { border: 0, px: 0.5, py: 0.4, display: 'flex', gap: 1.5, textAlign: 'start', whiteSpace: 'normal' },
    '& td[data-label]::before': {
      content: 'attr(data-label)',
      flex: '0 0 7.5rem',
      color: 'text.secondary',
      fontSize: '0.8rem',
    },
    '& td.actions': { flexWrap: 'wrap', whiteSpace: 'normal', pt: 1 },
    '& td.pick': { position: 'absolute', insetInlineEnd: 0, top: 4, width: 'auto', zIndex: 1 },
    '& tr.note > td': { display: 'block' },
  },
};
