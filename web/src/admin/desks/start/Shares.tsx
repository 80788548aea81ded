import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useWords } from '../../../words/words';

/** Counts as bars beside their names: a table, so that it is read like one. */
export function Shares({
  caption,
  of,
  name,
  empty = '',
}: {
  caption: string;
  of: [string, number][];
  name: string;
  empty?: string;
}) {
  const { t, has, language } = useWords();
  if (of.length === 0) return <Typography>{empty}</Typography>;
  const most = Math.max(...of.map(([, count]) => count));
  const all = of.reduce((sum, [, count]) => sum + count, 0);
  const percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 });
  return (
    <Box
      component="table"
      aria-label={caption}
      sx={{
        width: '100%',
        borderCollapse: 'collapse',
        '& th': { fontWeight: 400, textAlign: 'start', pr: 2, py: 0.75, width: '38%', overflowWrap: 'anywhere' },
        '& td': { py: 0.75 },
      }}
    >
      <tbody>
        {of.map(([key, count]) => (
          <tr key={key}>
            <th scope="row">{has(`${name}.${key}`) ? t(`${name}.${key}`) : key.replaceAll('_', ' ')}</th>
            <td>
              <Box sx={{ display: 'flex', alignItems: 'center', gap: 1 }}>
                <Box sx={{ flex: 1, minWidth: 0 }}>
                  <Box
                    sx={{
                      height: 14,
                      borderRadius: 1,
                      backgroundColor: 'primary.main',
                      width: `${(count / most) * 100}%`,
                      minWidth: 3,
                    }}
                  />
                </Box>
                <Typography
                  component="span"
                  variant="body2"
                  sx={{ fontVariantNumeric: 'tabular-nums', minWidth: '6.5em', textAlign: 'end' }}
                >
                  {new Intl.NumberFormat(language).format(count)} · {percent.format(count / all)}
                </Typography>
              </Box>
            </td>
          </tr>
        ))}
      </tbody>
    </Box>
  );
}
