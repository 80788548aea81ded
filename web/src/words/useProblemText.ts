import { Problem } from '../api/problem';
import { useWords } from './words';

/** Say a failure as a sentence: by its slug where a catalogue knows it, in the service's own words otherwise. */
export function useProblemText(): (error: unknown) => string {
  const { t, has } = useWords();
  return (error) => {
    if (!(error instanceof Problem)) return t('problem.internal');
    if (has(`problem.${error.slug}`)) return t(`problem.${error.slug}`, { detail: error.detail });
    return error.detail ? t('problem.unknown', { detail: error.detail }) : t('problem.internal');
  };
}
