/** The look of both fronts: one palette, light and dark, with contrasts of at least 4.5 : 1 for text. */
import { createTheme } from '@mui/material/styles';

export const theme = createTheme({
  cssVariables: { colorSchemeSelector: 'data-theme' },
  colorSchemes: {
    light: {
      palette: {
        primary: { main: '#0b5c55' },
        secondary: { main: '#8a4b08' },
        background: { default: '#f7f6f2', paper: '#ffffff' },
        success: { main: '#1f6b3a' },
        warning: { main: '#8a5300' },
        error: { main: '#b3261e' },
        info: { main: '#1d5c96' },
      },
    },
    dark: {
      palette: {
        primary: { main: '#6fd0c5' },
        secondary: { main: '#f0b26b' },
        background: { default: '#101614', paper: '#18211e' },
        success: { main: '#7fd69b' },
        warning: { main: '#f1bd6c' },
        error: { main: '#ffb4ab' },
        info: { main: '#9dcbff' },
      },
    },
  },
  shape: { borderRadius: 10 },
  typography: {
    fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
    button: { textTransform: 'none', fontWeight: 600 },
    h1: { fontSize: '1.9rem', fontWeight: 700 },
    h2: { fontSize: '1.35rem', fontWeight: 700 },
    h3: { fontSize: '1.1rem', fontWeight: 650 },
  },
});
