import Search from '@mui/icons-material/Search';
import Autocomplete from '@mui/material/Autocomplete';
import Box from '@mui/material/Box';
import InputAdornment from '@mui/material/InputAdornment';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useNavigate } from 'react-router-dom';
import { api, told } from '../../api/client';
import type { components } from '../../api/schema/order';
import { useProblemText } from '../../words/useProblemText';
import { useWords } from '../../words/words';
import { reference } from '../orders/source';
import { useLabel } from '../parts/useLabel';

type Found = components['schemas']['FoundView'];

const PAUSE_MS = 250;
/** The part of an order's page that a kind of thing is shown in. */
const PLACES: Record<string, string> = {
  shipment: '#shipments',
  return: '#returns',
  refund: '#money',
  document: '#documents',
  payment: '#money',
};

const searchQuery = (wanted: string) => ({
  queryKey: ['search', wanted],
  queryFn: ({ signal }: { signal: AbortSignal }) =>
    told(api.GET('/api/admin/search', { params: { query: { q: wanted } }, signal })),
  gcTime: 0,
});

const listOf = (filter: object): string => `/orders?filter=${encodeURIComponent(JSON.stringify(filter))}`;

/** Where something that was found is shown. */
function addressOf(found: Found): string {
  if (found.order_id) return `/orders/${found.order_id}/show${PLACES[found.kind] ?? ''}`;
  return listOf(found.kind === 'product' ? { product_id: found.id } : { user_id: found.id });
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** The search over everything: `/` or Ctrl/Cmd+K goes there from anywhere, Enter opens the first thing found. */
export function SearchField() {
  const { t } = useWords();
  const say = useProblemText();
  const label = useLabel();
  const navigate = useNavigate();
  const input = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState('');
  const [wanted, setWanted] = useState('');
  const queries = useQueryClient();
  const search = useQuery({ ...searchQuery(wanted), enabled: wanted !== '' });

  useEffect(() => {
    const timer = setTimeout(() => setWanted(typed.trim()), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed]);

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

  const open = (found: Found) => {
    setTyped('');
    input.current?.blur();
    navigate(addressOf(found));
  };
  /** Open the first thing that is found for a text, unless another was typed meanwhile. */
  const openFirst = async (text: string) => {
    if (!text.trim()) return;
    const found = await queries.fetchQuery(searchQuery(text.trim())).catch(() => null); // the list says what is wrong
    const [first] = found?.items ?? [];
    if (first && input.current?.value === text) open(first);
  };

  const isCurrent = wanted !== '' && wanted === typed.trim();
  const nothing = search.error ? say(search.error) : t('search.nothing');
  return (
    <Autocomplete<Found, false, false, true>
      freeSolo
      autoHighlight
      fullWidth
      sx={{ maxWidth: 460 }}
      options={isCurrent ? (search.data?.items ?? []) : []}
      filterOptions={(options) => options}
      getOptionKey={(found) => (typeof found === 'string' ? found : `${found.kind}.${found.id}`)}
      getOptionLabel={(found) => (typeof found === 'string' ? found : found.id)}
      loading={typed.trim() !== '' && !(isCurrent && search.isFetched)}
      loadingText={t('search.running')}
      noOptionsText={nothing}
      value={null}
      inputValue={typed}
      onInputChange={(_, text, why) => why !== 'reset' && setTyped(text)}
      onChange={(_, found) => {
        if (typeof found === 'string') void openFirst(found);
        else if (found) open(found);
      }}
      renderOption={({ key, ...props }, found) => (
        <Box component="li" key={key} {...props} sx={{ display: 'block !important' }}>
          <span>
            {label('kind', found.kind)} <strong>{found.kind === 'order' ? reference(found.id) : found.id}</strong>
          </span>
          <Typography variant="body2" color="text.secondary" sx={{ overflowWrap: 'anywhere' }}>
            {found.title}
          </Typography>
        </Box>
      )}
      renderInput={(props) => (
        <TextField
          {...props}
          inputRef={input}
          size="small"
          placeholder={t('search.placeholder')}
          sx={{ '& .MuiInputBase-root': { bgcolor: 'background.paper', color: 'text.primary' } }}
          slotProps={{
            ...props.slotProps,
            htmlInput: { ...props.slotProps.htmlInput, 'aria-label': t('search.label'), 'aria-keyshortcuts': '/ Control+K' },
            input: {
              ...props.slotProps.input,
              startAdornment: (
                <InputAdornment position="start">
                  <Search fontSize="small" />
                </InputAdornment>
              ),
            },
          }}
        />
      )}
    />
  );
}
