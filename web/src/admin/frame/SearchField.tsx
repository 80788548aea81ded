import Search from '@mui/icons-material/Search';
import InputAdornment from '@mui/material/InputAdornment';
import TextField from '@mui/material/TextField';
import { useEffect, useRef } from 'react';
import { useWords } from '../../words/words';

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** The search over everything: `/` or Ctrl/Cmd+K goes there from anywhere. */
export function SearchField() {
  const { t } = useWords();
  const input = useRef<HTMLInputElement>(null);

  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const isCall = (event.key === '/' && !isTyping(event.target)) || (event.key === 'k' && (event.ctrlKey || event.metaKey));
      if (!isCall) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    addEventListener('keydown', listen);
    return () => removeEventListener('keydown', listen);
  }, []);

  return (
    <TextField
      inputRef={input}
      size="small"
      fullWidth
      placeholder={t('search.placeholder')}
      sx={{ maxWidth: 460, '& .MuiInputBase-root': { bgcolor: 'background.paper', color: 'text.primary' } }}
      slotProps={{
        htmlInput: { 'aria-label': t('search.label'), 'aria-keyshortcuts': '/ Control+K' },
        input: {
          startAdornment: (
            <InputAdornment position="start">
              <Search fontSize="small" />
            </InputAdornment>
          ),
        },
      }}
    />
  );
}
