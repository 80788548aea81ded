import { useSyncExternalStore } from 'react';
import { weather } from '../api/weather';
import { useWords } from '../words/words';

/** The notice that the services cannot be reached at the moment, said to screen readers too. */
export function WeatherNotice() {
  const { t } = useWords();
  const now = useSyncExternalStore(weather.subscribe, weather.now);
  return <output className="weather">{now === 'open' ? null : t(`weather.${now}`)}</output>;
}
