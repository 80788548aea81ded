import Box from '@mui/material/Box';
import { useWords } from '../../../words/words';

/** The figures of a chart as a table, for screen readers and for who wants the numbers. */
export function AsTable({ caption, heads, rows }: { caption: string; heads: [string, string]; rows: [string, string][] }) {
  const { t } = useWords();
  return (
    <Box
      component="details"
      sx={{
        mt: 1,
        '& summary': { cursor: 'pointer', color: 'text.secondary', fontSize: '0.85rem', py: 0.5 },
        '& table': { borderCollapse: 'collapse', width: '100%', fontSize: '0.85rem' },
        '& th, & td': { textAlign: 'start', py: 0.4, borderBottom: 1, borderColor: 'divider' },
        '& th:last-of-type, & td:last-of-type': { textAlign: 'end', fontVariantNumeric: 'tabular-nums' },
      }}
    >
      <summary>{t('start.as_table', { name: caption })}</summary>
      <table>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, value]) => (
            <tr key={name}>
              <td>{name}</td>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Box>
  );
}
