/**
 * A list as a table; on a narrow screen each row is a card, with the headings beside the values. Rows can be picked for an action
 * on several at once, and what became of each is shown in its row.
 */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Checkbox from '@mui/material/Checkbox';
import Skeleton from '@mui/material/Skeleton';
import Typography from '@mui/material/Typography';
import type { ReactNode } from 'react';
import { useWords } from '../../../words/words';
import { Refusal } from './Refusal';
import { sheet } from './sheet';
import type { Pages } from './usePages';

export interface Column<Row> {
  name: string;
  label: string;
  cell: (row: Row) => ReactNode;
  /** Numbers and amounts stand at the right, digit under digit. */
  numeric?: boolean;
  /** Buttons: no heading on a narrow screen. */
  actions?: boolean;
}

export interface Picking {
  picked: ReadonlySet<string>;
  set: (picked: ReadonlySet<string>) => void;
  name: (key: string) => string;
}

export function Rows<Row>({
  caption,
  columns,
  pages,
  rowKey,
  empty,
  picking,
  note,
}: {
  caption: string;
  columns: Column<Row>[];
  pages: Pick<Pages<Row>, 'rows' | 'error' | 'loading'> & Partial<Pages<Row>>;
  rowKey: (row: Row) => string;
  empty: ReactNode;
  picking?: Picking;
  /** What became of a row, said below it. */
  note?: (row: Row) => ReactNode;
}) {
  const { t } = useWords();
  const { rows, error, loading } = pages;
  if (loading && !error) return <Waiting />;
  if (error && rows.length === 0) return <Refusal error={error} again={pages.again} />;
  if (rows.length === 0) {
    return (
      <Box sx={{ py: 5, px: 2, textAlign: 'center', color: 'text.secondary' }}>
        <Typography>{empty}</Typography>
      </Box>
    );
  }
  const keys = rows.map(rowKey);
  const all = picking !== undefined && keys.every((key) => picking.picked.has(key));
  const pick = (key: string, on: boolean) => {
    const next = new Set(picking?.picked);
    if (on) next.add(key);
    else next.delete(key);
    picking?.set(next);
  };
  return (
    <>
      <Refusal error={error} again={pages.again} />
      <Box component="table" aria-label={caption} sx={sheet}>
        <thead>
          <tr>
            {picking ? (
              <th className="pick" scope="col">
                <Checkbox
                  size="small"
                  checked={all}
                  indeterminate={!all && picking.picked.size > 0}
                  onChange={(event) => picking.set(new Set(event.target.checked ? keys : []))}
                  slotProps={{ input: { 'aria-label': t('desks.pick_all') } }}
                />
              </th>
            ) : null}
            {columns.map((column) => (
              <th key={column.name} scope="col" className={column.numeric ? 'numeric' : undefined}>
                {column.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const key = rowKey(row);
            const said = note?.(row);
            return [
              <tr key={key} className={said ? 'noted' : undefined}>
                {picking ? (
                  <td className="pick">
                    <Checkbox
                      size="small"
                      checked={picking.picked.has(key)}
                      onChange={(event) => pick(key, event.target.checked)}
                      slotProps={{ input: { 'aria-label': t('desks.pick', { name: picking.name(key) }) } }}
                    />
                  </td>
                ) : null}
                {columns.map((column) => (
                  <td
                    key={column.name}
                    data-label={column.actions ? undefined : column.label}
                    className={
                      [column.numeric && 'numeric', column.actions && 'actions'].filter(Boolean).join(' ') || undefined
                    }
                  >
                    {column.cell(row)}
                  </td>
                ))}
              </tr>,
              said ? (
                <tr key={`${key} note`} className="note">
                  <td colSpan={columns.length + (picking ? 1 : 0)}>{said}</td>
                </tr>
              ) : null,
            ];
          })}
        </tbody>
      </Box>
      {pages.more ? (
        <Box sx={{ textAlign: 'center', pt: 2 }}>
          <Button onClick={pages.more} loading={pages.loadingMore ?? false} variant="outlined">
            {t('desks.more')}
          </Button>
        </Box>
      ) : null}
    </>
  );
}

export function Waiting() {
  const { t } = useWords();
  return (
    <Box role="status" aria-label={t('desks.loading')} sx={{ py: 1 }}>
      {[90, 100, 95, 85].map((width) => (
        <Skeleton key={width} height={44} width={`${width}%`} />
      ))}
    </Box>
  );
}
