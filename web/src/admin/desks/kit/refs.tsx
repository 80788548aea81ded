/** Names of things as staff say them: the end of an order's id, linked to what there is to see of it. */
import MuiLink from '@mui/material/Link';
import { Link as RouterLink } from 'react-router-dom';
import type { Money } from '../../../look/money';
import { dayText, momentText, moneyText } from '../../../look/money';
import { useWords } from '../../../words/words';

/** The end of an id, by which letters and labels name it too. */
export const shortName = (id: string): string => id.slice(-8).toUpperCase();

export function OrderRef({ id }: { id: string }) {
  return (
    <MuiLink component={RouterLink} to={`/orders/${id}/show`} sx={{ fontFamily: 'monospace', whiteSpace: 'nowrap' }}>
      #{shortName(id)}
    </MuiLink>
  );
}

export function Amount({ of }: { of: Money }) {
  const { language } = useWords();
  return <span style={{ fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' }}>{moneyText(of, language)}</span>;
}

export function Moment({ at, day = false }: { at: string | null | undefined; day?: boolean }) {
  const { language } = useWords();
  if (!at) return <>–</>;
  return <time dateTime={at}>{day ? dayText(at, language) : momentText(at, language)}</time>;
}
