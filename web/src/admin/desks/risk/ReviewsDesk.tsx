/** The fraud review queue: risky orders by their deadline, with what made them so. */
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useState } from 'react';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/payment';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Choice } from '../kit/Choice';
import { Bar, Desk, Part } from '../kit/Desk';
import { Mark } from '../kit/Mark';
import { Rows } from '../kit/Rows';
import { Moment, OrderRef, shortName } from '../kit/refs';
import { useChoice } from '../kit/useChoice';
import { usePages } from '../kit/usePages';
import { ReviewAsk } from './ReviewAsk';
import { Score } from './Score';
import { TimeLeftCell } from './TimeLeftCell';

type Review = components['schemas']['ReviewView'];

export function ReviewsDesk() {
  const { t } = useWords();
  const decides = useMay('fraud_reviewer');
  const [state, setState] = useChoice('state', 'pending');
  const [opened, setOpened] = useState<Review | null>(null);
  const pages = usePages(
    ['reviews', state],
    (cursor) =>
      told(
        api.GET('/api/admin/reviews', {
          params: { query: { state: state as 'pending' | 'decided', cursor: cursor ?? null } },
        }),
      ),
    { every: () => 20_000 },
  );
  return (
    <Desk title={t('reviews.title')} intro={t('reviews.intro')}>
      <Part>
        <Bar label={t('desks.filters')}>
          <Choice
            label={t('desks.state')}
            value={state}
            set={setState}
            of={['pending', 'decided'].map((value) => ({ value, label: t(`reviews.${value}`) }))}
          />
        </Bar>
        <Rows
          caption={t('reviews.title')}
          pages={pages}
          rowKey={(review) => review.order_id}
          empty={t(state === 'pending' ? 'reviews.none' : 'desks.none')}
          columns={[
            { name: 'order', label: t('desks.order'), cell: (review) => <OrderRef id={review.order_id} /> },
            { name: 'score', label: t('reviews.score'), cell: (review) => <Score of={review.score} /> },
            { name: 'facts', label: t('reviews.facts'), cell: (review) => <FactList of={review.facts} /> },
            { name: 'who', label: t('reviews.user'), cell: (review) => review.user_id },
            {
              name: 'deadline',
              label: t(state === 'pending' ? 'reviews.deadline' : 'reviews.decision'),
              cell: (review) =>
                review.state === 'pending' ? (
                  <TimeLeftCell until={review.deadline_at} />
                ) : (
                  <div>
                    <Mark of={review.state} />
                    <Typography variant="body2">
                      <Moment at={review.decided_at} /> {review.decided_by}
                      <br />
                      {review.reason}
                    </Typography>
                  </div>
                ),
            },
            {
              name: 'actions',
              label: t('desks.actions'),
              actions: true,
              cell: (review) =>
                decides && review.state === 'pending' ? (
                  <Button
                    variant="contained"
                    onClick={() => setOpened(review)}
                    aria-label={`${t('reviews.review')}: ${shortName(review.order_id)}`}
                  >
                    {t('reviews.review')}
                  </Button>
                ) : null,
            },
          ]}
        />
      </Part>
      {opened ? <ReviewAsk review={opened} onClose={() => setOpened(null)} /> : null}
    </Desk>
  );
}

/** What spoke against an order, in words where there are some. */
export function FactList({ of }: { of: string[] }) {
  const { t, has } = useWords();
  return (
    <ul style={{ margin: 0, paddingInlineStart: '1.1em' }}>
      {of.map((fact) => (
        <li key={fact}>{has(`fact.${fact}`) ? t(`fact.${fact}`) : fact.replaceAll('_', ' ')}</li>
      ))}
    </ul>
  );
}
