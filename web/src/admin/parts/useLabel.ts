import { useWords } from '../../words/words';

/** Name a value of the services: by the catalogue where it knows it, in the service's own words otherwise. */
export function useLabel(): (area: string, value: string) => string {
  const { t, has } = useWords();
  return (area, value) => (has(`${area}.${value}`) ? t(`${area}.${value}`) : value.replaceAll('_', ' '));
}
