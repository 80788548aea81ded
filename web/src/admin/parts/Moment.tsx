import { momentText } from '../../look/money';
import { useWords } from '../../words/words';

/** A moment in the reader's own time zone. */
export function Moment({ at }: { at: string }) {
  const { language } = useWords();
  return <time dateTime={at}>{momentText(at, language)}</time>;
}
