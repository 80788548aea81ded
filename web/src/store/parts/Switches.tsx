import { chooseTheme, useTheme } from '../../look/theme';
import { useWords } from '../../words/words';

/** To the other language, named in its own. */
export function LanguageSwitch() {
  const { language, setLanguage } = useWords();
  const other = language === 'de' ? 'en' : 'de';
  const name = other === 'de' ? 'Deutsch' : 'English';
  return (
    <button type="button" className="header-link" lang={other} onClick={() => setLanguage(other)}>
      {other.toUpperCase()}
      <span className="unseen">, {name}</span>
    </button>
  );
}

/** From light to dark and back. */
export function ThemeSwitch() {
  const { t } = useWords();
  const theme = useTheme();
  const dark = theme === 'system' ? matchMedia('(prefers-color-scheme: dark)').matches : theme === 'dark';
  return (
    <button
      type="button"
      className="header-link"
      aria-label={t(dark ? 'theme.to_light' : 'theme.to_dark')}
      onClick={() => chooseTheme(dark ? 'light' : 'dark')}
    >
      <svg viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" strokeWidth="1.8" aria-hidden="true">
        {dark ? (
          <path d="M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5" />
        ) : (
          <path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z" />
        )}
      </svg>
    </button>
  );
}
