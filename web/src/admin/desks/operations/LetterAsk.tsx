import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { useWords } from '../../../words/words';
import { Ask } from '../kit/Ask';
import { Facts } from '../kit/Facts';
import { Refusal } from '../kit/Refusal';
import { Waiting } from '../kit/Rows';
import { Moment } from '../kit/refs';
import { type Letter, letterOf, readable } from './letters';

/** One dead letter whole: why it could not be handled, its headers and what it says. */
export function LetterAsk({ letter, onClose }: { letter: Letter; onClose: () => void }) {
  const { t } = useWords();
  const whole = useQuery({
    queryKey: ['dead-letters', letter.service, 'one', letter.id],
    queryFn: () => letterOf(letter.service, letter.id),
    retry: false,
  });
  return (
    <Ask title={letter.type ?? letter.topic} submit={t('desks.ok')} onSubmit={onClose} onClose={onClose} wide>
      <Facts
        of={[
          [t('letters.service'), t(`service.${letter.service}`)],
          [t('desks.at'), <Moment key="at" at={letter.created_at} />],
          [t('letters.place'), `${letter.topic} ${letter.kafka_partition}/${letter.kafka_offset}`],
          [t('letters.key'), letter.key ?? '–'],
          [t('desks.reason'), letter.reason.replaceAll('_', ' ')],
          [t('letters.error'), letter.error],
        ]}
      />
      <Refusal error={whole.error} again={() => void whole.refetch()} />
      {whole.isPending && !whole.error ? <Waiting /> : null}
      {whole.data ? (
        <>
          <Typography variant="h3">{t('letters.headers')}</Typography>
          <Facts of={Object.entries(whole.data.headers).map(([name, value]) => [name, <code key={name}>{value}</code>])} />
          <Typography variant="h3">{t('letters.body')}</Typography>
          {whole.data.value === null ? (
            <Typography>{t('letters.no_body')}</Typography>
          ) : (
            <Box
              component="pre"
              tabIndex={0}
              aria-label={t('letters.body')}
              sx={{
                m: 0,
                p: 1.5,
                border: 1,
                borderColor: 'divider',
                fontSize: '0.8rem',
                whiteSpace: 'pre-wrap',
                overflowWrap: 'anywhere',
              }}
            >
              {readable(whole.data.value)}
            </Box>
          )}
        </>
      ) : null}
    </Ask>
  );
}
