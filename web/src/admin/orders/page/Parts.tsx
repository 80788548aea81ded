import Box from '@mui/material/Box';
import Link from '@mui/material/Link';
import { Link as RouterLink } from 'react-router-dom';
import { useWords } from '../../../words/words';

/** The way between the parts of an order's page; each has an address of its own. */
export function Parts({ id, isSaga }: { id: string; isSaga: boolean }) {
  const { t } = useWords();
  const parts = [
    { name: 'order', to: `/orders/${id}/show`, isHere: !isSaga },
    { name: 'saga', to: `/orders/${id}/show/saga`, isHere: isSaga },
  ];
  return (
    <Box component="nav" aria-label={t('order.parts')} sx={{ display: 'flex', mb: 2, borderBottom: 1, borderColor: 'divider' }}>
      {parts.map(({ name, to, isHere }) => (
        <Link
          key={name}
          component={RouterLink}
          to={to}
          aria-current={isHere ? 'page' : undefined}
          underline="none"
          sx={{
            px: 2.5,
            py: 1.25,
            mb: '-1px',
            fontWeight: 650,
            color: isHere ? 'primary.main' : 'text.secondary',
            borderBottom: 2,
            borderColor: isHere ? 'primary.main' : 'transparent',
          }}
        >
          {t(`order.part.${name}`)}
        </Link>
      ))}
    </Box>
  );
}
