import AccountCircle from '@mui/icons-material/AccountCircle';
import Check from '@mui/icons-material/Check';
import Divider from '@mui/material/Divider';
import IconButton from '@mui/material/IconButton';
import ListItemIcon from '@mui/material/ListItemIcon';
import ListSubheader from '@mui/material/ListSubheader';
import Menu from '@mui/material/Menu';
import MenuItem from '@mui/material/MenuItem';
import { useState } from 'react';
import { useNotify, useStoreContext } from 'react-admin';
import { session } from '../../session/session';
import { usePerson } from '../../session/usePerson';
import { type Language, useWords } from '../../words/words';

const LANGUAGES: Record<Language, string> = { en: 'English', de: 'Deutsch' };
const THEMES = ['system', 'light', 'dark'] as const;

/** Who is signed in, the language, the theme, and the way out. */
export function PersonMenu() {
  const { t, language, setLanguage } = useWords();
  const person = usePerson();
  const store = useStoreContext();
  const notify = useNotify();
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const chosen = store.getItem<string>('theme') ?? 'system';

  const choose = (theme: string) => {
    if (theme === 'system') {
      const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
      store.setItem('theme', isDark ? 'dark' : 'light'); // tells whoever listens, before it is forgotten
      store.removeItem('theme');
    } else store.setItem('theme', theme);
    setAnchor(null);
  };

  return (
    <>
      <IconButton
        color="inherit"
        aria-label={t('frame.person', { name: person?.name ?? '' })}
        aria-haspopup="menu"
        aria-expanded={anchor !== null}
        onClick={(event) => setAnchor(event.currentTarget)}
      >
        <AccountCircle />
      </IconButton>
      <Menu anchorEl={anchor} open={anchor !== null} onClose={() => setAnchor(null)}>
        <ListSubheader role="presentation">
          {person?.name} · {[...(person?.roles ?? [])].join(', ')}
        </ListSubheader>
        {Object.entries(LANGUAGES).map(([code, name]) => (
          <MenuItem
            key={code}
            role="menuitemradio"
            aria-checked={code === language}
            lang={code}
            onClick={() => setLanguage(code as Language)}
          >
            <ListItemIcon>{code === language && <Check fontSize="small" />}</ListItemIcon>
            {name}
          </MenuItem>
        ))}
        <Divider role="presentation" />
        {THEMES.map((theme) => (
          <MenuItem key={theme} role="menuitemradio" aria-checked={theme === chosen} onClick={() => choose(theme)}>
            <ListItemIcon>{theme === chosen && <Check fontSize="small" />}</ListItemIcon>
            {t(`frame.theme.${theme}`)}
          </MenuItem>
        ))}
        <Divider role="presentation" />
        <MenuItem component="a" href="/">
          {t('frame.to_shop')}
        </MenuItem>
        <MenuItem onClick={() => session.signOut().catch(() => notify('gate.failed', { type: 'error' }))}>
          {t('frame.sign_out')}
        </MenuItem>
      </Menu>
    </>
  );
}
