import { useMutation, useQuery } from '@tanstack/react-query';
import { download } from '../../api/client';
import type { components } from '../../api/schema/order';
import { dayText, moneyText } from '../../look/money';
import { useWords } from '../../words/words';
import { Failure } from '../parts/Note';
import { papersQuery } from './parts';
import type { Order } from './useOrder';

type Paper = components['schemas']['DocumentSummary'];

const LOOK_AGAIN_MS = 3_000;
const LOOKS = 10;

function Row({ paper }: { paper: Paper }) {
  const { t, locale } = useWords();
  const fetching = useMutation({
    mutationFn: () =>
      download(
        `/api/orders/${paper.order_id}/documents/${paper.document_id}`,
        `${paper.number.replaceAll('/', '-')}.pdf`,
        'application/pdf',
      ),
  });
  return (
    <li className="paper">
      <span>
        {t(`paper.${paper.kind}`)} {paper.number}{' '}
        <span className="soft">
          {dayText(paper.issued_on, locale)} · <span className="amount">{moneyText(paper.total_amount, locale)}</span>
        </span>
      </span>
      <button type="button" className="button quiet" disabled={fetching.isPending} onClick={() => fetching.mutate()}>
        {t('paper.download')} <span className="unseen">{paper.number}</span>
      </button>
      {fetching.error && <Failure error={fetching.error} />}
    </li>
  );
}

/** Invoices and credit notes of an order. */
export function Papers({ order }: { order: Order }) {
  const { t } = useWords();
  // Some shops invoice what is confirmed, others what is paid; papers stay when the order is cancelled.
  const isAsked = order.status !== 'Pending';
  const isPaid = order.captured_amount.amount > 0;
  const isComing = isPaid || order.status === 'Processing';
  const papers = useQuery({
    ...papersQuery(order),
    enabled: isAsked,
    // An invoice is written a moment after the order is confirmed or its money is taken, and the order does not change by it.
    refetchInterval: (query) =>
      isComing && query.state.data?.items.length === 0 && query.state.dataUpdateCount < LOOKS ? LOOK_AGAIN_MS : false,
  });
  const isEmpty = papers.data ? papers.data.items.length === 0 : !papers.error;
  if (!isAsked || (isEmpty && !isPaid)) return null;
  return (
    <section className="card">
      <h2>{t('paper.title')}</h2>
      {papers.error && !papers.data && <Failure error={papers.error} again={() => void papers.refetch()} />}
      {papers.data?.items.length === 0 && <p className="soft">{t('paper.soon')}</p>}
      <ul className="papers">
        {papers.data?.items.map((paper) => (
          <Row key={paper.document_id} paper={paper} />
        ))}
      </ul>
    </section>
  );
}
