import { useQuery } from '@tanstack/react-query';
import { momentText } from '../../look/money';
import { useWords } from '../../words/words';
import { Failure } from '../parts/Note';
import { timeline } from './facts';
import { historyQuery } from './parts';
import type { Order } from './useOrder';

/** What happened to an order, in words for its customer. */
export function Timeline({ order }: { order: Order }) {
  const { t, locale } = useWords();
  const history = useQuery(historyQuery(order));
  return (
    <section className="card">
      <h2>{t('timeline.title')}</h2>
      {history.error && !history.data && <Failure error={history.error} again={() => void history.refetch()} />}
      <ol className="timeline">
        {timeline(history.data?.items ?? []).map((moment) => (
          <li key={moment.id}>
            <span>{t(`timeline.${moment.key}`)}</span>
            <time dateTime={moment.at} className="soft">
              {momentText(moment.at, locale)}
            </time>
          </li>
        ))}
      </ol>
    </section>
  );
}
