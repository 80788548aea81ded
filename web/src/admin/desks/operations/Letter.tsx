import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useWords } from '../../../words/words';
import { framed } from './framed';

const NONCE = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content;

interface Written {
  locale: string;
  subject: string | null;
  text: string;
  html: string | null;
}

/** A message as the customer gets it: subject, text, and the page in a frame that may do nothing. */
export function Letter({ of: data }: { of: Written }) {
  const { t } = useWords();
  return (
    <Box lang={data.locale}>
      {data.subject ? (
        <>
          <Typography variant="h3" component="h2">
            {t('templates.subject')}
          </Typography>
          <Typography sx={{ mb: 3 }}>{data.subject}</Typography>
        </>
      ) : null}
      <Box sx={{ display: 'grid', gap: 3, gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'repeat(2, minmax(0, 1fr))' } }}>
        <div>
          <Typography variant="h3" component="h2" gutterBottom>
            {t('templates.text')}
          </Typography>
          <Box
            component="pre"
            tabIndex={0}
            aria-label={t('templates.text')}
            sx={{
              whiteSpace: 'pre-wrap',
              overflowWrap: 'anywhere',
              m: 0,
              p: 2,
              border: 1,
              borderColor: 'divider',
              fontSize: '0.85rem',
            }}
          >
            {data.text}
          </Box>
        </div>
        {data.html ? (
          <div>
            <Typography variant="h3" component="h2" gutterBottom>
              {t('templates.html')}
            </Typography>
            <Box
              component="iframe"
              title={t('templates.html')}
              sandbox=""
              srcDoc={framed(data.html, NONCE)}
              sx={{ width: '100%', height: 620, border: 1, borderColor: 'divider', backgroundColor: '#fff' }}
            />
          </div>
        ) : null}
      </Box>
    </Box>
  );
}
