import Box from '@mui/material/Box';
import Link from '@mui/material/Link';
import { AppBar, RefreshIconButton } from 'react-admin';
import { Link as RouterLink } from 'react-router-dom';
import { useWords } from '../../words/words';
import { PersonMenu } from './PersonMenu';
import { SearchField } from './SearchField';

/** The bar on top: the way home, the search, and the person. */
export function Bar() {
  const { t } = useWords();
  return (
    <AppBar color="secondary" toolbar={<RefreshIconButton />} userMenu={<PersonMenu />}>
      <Link
        component={RouterLink}
        to="/"
        aria-label={t('frame.home')}
        sx={{ display: 'flex', alignItems: 'center', gap: 1, color: 'inherit', textDecoration: 'none', fontWeight: 700 }}
      >
        <Box component="img" src="/logo.svg" alt="" sx={{ width: 26, height: 26 }} />
        <Box component="span" sx={{ display: { xs: 'none', sm: 'inline' } }}>
          Waybill
        </Box>
      </Link>
      <Box sx={{ flexGrow: 1, display: 'flex', justifyContent: 'center', px: { xs: 1, sm: 3 }, minWidth: 0 }}>
        <SearchField />
      </Box>
    </AppBar>
  );
}
