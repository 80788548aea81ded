import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import CssBaseline from '@mui/material/CssBaseline';
import Link from '@mui/material/Link';
import Paper from '@mui/material/Paper';
import { createTheme, ThemeProvider } from '@mui/material/styles';
import Typography from '@mui/material/Typography';
import useMediaQuery from '@mui/material/useMediaQuery';
import { type ReactNode, useEffect, useState } from 'react';
import { session } from '../../session/session';
import { usePerson } from '../../session/usePerson';
import { useWords } from '../../words/words';
import { may, ROLES } from '../roles';
import { darkTheme, lightTheme } from '../theme';

/** Lets staff in. Everybody else is told what this is, and shown the way to the shop. */
export function Gate({ children }: { children: ReactNode }) {
  const { t } = useWords();
  const person = usePerson();
  const [known, setKnown] = useState(false);
  const [failed, setFailed] = useState(false);

  useEffect(() => {
    session
      .begin()
      .catch(() => setFailed(true))
      .finally(() => setKnown(true));
  }, []);

  if (!known) return null;
  if (person && may(person.roles, ROLES)) return children;

  const leave = (way: Promise<void>) => {
    setFailed(false);
    way.catch(() => setFailed(true));
  };
  return (
    <Door>
      <Typography variant="h1" gutterBottom>
        {t(person ? 'gate.not_staff' : 'gate.title')}
      </Typography>
      <Typography sx={{ mb: 3 }}>{person ? t('gate.not_staff_text', { name: person.name }) : t('gate.text')}</Typography>
      {failed && (
        <Typography role="alert" color="error" sx={{ mb: 2 }}>
          {t('gate.failed')}
        </Typography>
      )}
      <Box sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 2 }}>
        {person ? (
          <Button variant="contained" onClick={() => leave(session.signOut())}>
            {t('gate.sign_out')}
          </Button>
        ) : (
          <Button variant="contained" onClick={() => leave(session.signIn(location.pathname + location.search))}>
            {t('gate.sign_in')}
          </Button>
        )}
        <Link href="/">{t('gate.to_shop')}</Link>
      </Box>
    </Door>
  );
}

function Door({ children }: { children: ReactNode }) {
  const prefersDark = useMediaQuery('(prefers-color-scheme: dark)', { noSsr: true });
  const chosen = localStorage.getItem('waybill.theme');
  const isDark = chosen ? chosen === 'dark' : prefersDark;
  return (
    <ThemeProvider theme={createTheme(isDark ? darkTheme : lightTheme)}>
      <CssBaseline />
      <Box
        component="main"
        sx={{ minHeight: '100vh', display: 'grid', placeItems: 'center', p: 2, bgcolor: 'background.default' }}
      >
        <Paper variant="outlined" sx={{ p: { xs: 3, sm: 5 }, maxWidth: 460, width: '100%' }}>
          <Box component="img" src="/logo.svg" alt="" sx={{ width: 44, height: 44, mb: 2 }} />
          {children}
        </Paper>
      </Box>
    </ThemeProvider>
  );
}
