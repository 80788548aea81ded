/** The look of the admin panel: the palette of `look/look.css`, light and dark, with contrasts of at least 4.5 : 1 for text. */
import { defaultDarkTheme, defaultLightTheme, type RaThemeOptions } from 'react-admin';

const shared: RaThemeOptions = {
  shape: { borderRadius: 8 },
  sidebar: { width: 220, closedWidth: 56 },
  typography: {
    fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
    button: { textTransform: 'none', fontWeight: 600 },
    h1: { fontSize: '1.6rem', fontWeight: 700, letterSpacing: '-0.01em' },
    h2: { fontSize: '1.15rem', fontWeight: 700 },
    h3: { fontSize: '1rem', fontWeight: 650 },
  },
};

// Everything is at least 36 px high, chips apart; nothing moves for those who asked for less of it.
const components: RaThemeOptions['components'] = {
  MuiCssBaseline: {
    styleOverrides: {
      '@media (prefers-reduced-motion: reduce)': {
        '*, *::before, *::after': { animationDuration: '0.01ms !important', transitionDuration: '0.01ms !important' },
      },
    },
  },
  MuiButton: { defaultProps: { disableElevation: true }, styleOverrides: { root: { minHeight: 36 } } },
  MuiPaper: { defaultProps: { elevation: 0 }, styleOverrides: { outlined: { borderRadius: 8 } } },
  MuiTextField: { defaultProps: { variant: 'outlined', size: 'small' } },
  MuiFormControl: { defaultProps: { variant: 'outlined', size: 'small' } },
  MuiTableCell: { styleOverrides: { head: { fontWeight: 650 } } },
  MuiTooltip: { defaultProps: { enterDelay: 400 } },
};

export const lightTheme: RaThemeOptions = {
  ...defaultLightTheme,
  ...shared,
  palette: {
    mode: 'light',
    primary: { main: '#0b5c55' },
    secondary: { main: '#0b5c55', contrastText: '#ffffff' },
    background: { default: '#f7f6f2', paper: '#ffffff' },
    text: { primary: '#1a211f', secondary: '#55605c' },
    divider: '#dcdad2',
    success: { main: '#1f6b3a' },
    warning: { main: '#8a5300' },
    error: { main: '#b3261e' },
    info: { main: '#1d5c96' },
  },
  components: { ...defaultLightTheme.components, ...components },
};

export const darkTheme: RaThemeOptions = {
  ...defaultDarkTheme,
  ...shared,
  palette: {
    mode: 'dark',
    primary: { main: '#6fd0c5', contrastText: '#06231f' },
    secondary: { main: '#18211e', contrastText: '#e6ece9' },
    background: { default: '#101614', paper: '#18211e' },
    text: { primary: '#e6ece9', secondary: '#a3b1ab' },
    divider: '#2d3a35',
    success: { main: '#7fd69b', contrastText: '#06231f' },
    warning: { main: '#f1bd6c', contrastText: '#2a1c02' },
    error: { main: '#ffb4ab', contrastText: '#3a0a06' },
    info: { main: '#9dcbff', contrastText: '#04233f' },
  },
  components: { ...defaultDarkTheme.components, ...components },
};
