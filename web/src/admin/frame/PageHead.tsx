import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { type ReactNode, useEffect, useRef } from 'react';
import { useLocation } from 'react-router-dom';

let places = 0;

/** The heading of a page. It takes the focus when the person came here from another page, so that a screen reader reads it out. */
export function PageHead({ title, before, children }: { title: string; before?: ReactNode; children?: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { pathname } = useLocation();

  useEffect(() => {
    document.title = `${title} · Waybill`;
  }, [title]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another address is another page
  useEffect(() => {
    if (places > 0) heading.current?.focus();
    places += 1;
  }, [pathname]);

  return (
    <Box component="header" sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 1.5, pt: 2.5, pb: 1.5 }}>
      {before}
      <Typography variant="h1" ref={heading} tabIndex={-1} sx={{ flexGrow: 1, outline: 'none', overflowWrap: 'anywhere' }}>
        {title}
      </Typography>
      {children}
    </Box>
  );
}
