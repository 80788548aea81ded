import Chip from '@mui/material/Chip';
import { alpha } from '@mui/material/styles';
import { type Tone, toneOf } from '../orders/states';
import { useLabel } from './useLabel';

/** A state in a word, on a paper of its tone. */
export function StateChip({ area, state, before, tone }: { area: string; state: string; before?: string; tone?: Tone }) {
  const label = useLabel();
  const colour = tone ?? toneOf(state);
  return (
    <Chip
      size="small"
      label={before ? `${before}: ${label(area, state)}` : label(area, state)}
      sx={(theme) => {
        const main = colour === 'default' ? theme.palette.text.secondary : theme.palette[colour].main;
        return { color: main, bgcolor: alpha(main, theme.palette.mode === 'dark' ? 0.16 : 0.1), fontWeight: 600 };
      }}
    />
  );
}
