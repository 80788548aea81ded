import { useWords } from '../../../words/words';
import { Ask } from '../kit/Ask';
import { Facts } from '../kit/Facts';
import { Moment } from '../kit/refs';
import type { Letter } from './letters';

/** One dead letter: what it is, and why it could not be handled. */
export function LetterAsk({ letter, onClose }: { letter: Letter; onClose: () => void }) {
  const { t } = useWords();
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
    </Ask>
  );
}
