/** Decide a risky order: what is ordered, where it goes and who pays, beside what spoke against it. */
import FormControl from '@mui/material/FormControl';
import FormControlLabel from '@mui/material/FormControlLabel';
import FormLabel from '@mui/material/FormLabel';
import Radio from '@mui/material/Radio';
import RadioGroup from '@mui/material/RadioGroup';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/payment';
import { moneyText } from '../../../look/money';
import { useWords } from '../../../words/words';
import { Ask } from '../kit/Ask';
import { Facts } from '../kit/Facts';
import { Field } from '../kit/Field';
import { Refusal } from '../kit/Refusal';
import { Waiting } from '../kit/Rows';
import { OrderRef, shortName } from '../kit/refs';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';
import { FactList } from './ReviewsDesk';
import { Score } from './Score';
import { TimeLeftCell } from './TimeLeftCell';

type Review = components['schemas']['ReviewView'];
type Decision = components['schemas']['ReviewDecision'];

const placeOf = (address: Record<string, unknown>): string =>
  ['name', 'line1', 'line2', 'postal_code', 'city', 'country']
    .map((part) => address[part])
    .filter(Boolean)
    .join(', ');

export function ReviewAsk({ review, onClose }: { review: Review; onClose: () => void }) {
  const { t, language } = useWords();
  const { order_id } = review;
  const [form, change, clear] = useDraft(`review.${order_id}`, { decision: '' as Decision | '', reason: '' });
  const order = useQuery({
    queryKey: ['order', order_id],
    queryFn: () => told(api.GET('/api/admin/orders/{order_id}', { params: { path: { order_id } } })),
    retry: false,
  });
  const decide = useAct(
    (body: { decision: Decision; reason: string }, key) =>
      told(api.POST('/api/admin/reviews/{order_id}', { params: { path: { order_id }, header: keyed(key) }, body })),
    {
      said: (_, { decision }) => t(decision === 'approve' ? 'reviews.approved' : 'reviews.rejected'),
      stale: ['reviews'],
      done: () => {
        clear();
        onClose();
      },
    },
  );
  const { data } = order;
  return (
    <Ask
      title={t('reviews.one', { name: shortName(order_id) })}
      submit={t(form.decision === 'reject' ? 'reviews.reject' : 'reviews.approve')}
      danger={form.decision === 'reject'}
      busy={decide.busy}
      disabled={!form.decision || !form.reason.trim()}
      error={decide.error}
      wide
      onSubmit={() => {
        if (form.decision) void decide.run({ decision: form.decision, reason: form.reason.trim() });
      }}
      onClose={onClose}
    >
      <Facts
        of={[
          [t('reviews.score'), <Score key="score" of={review.score} />],
          [t('reviews.facts'), <FactList key="facts" of={review.facts} />],
          [t('reviews.deadline'), <TimeLeftCell key="deadline" until={review.deadline_at} />],
        ]}
      />
      {order.isPending ? <Waiting /> : null}
      <Refusal error={order.error} again={() => void order.refetch()} />
      {data ? (
        <>
          <Facts
            of={[
              [t('desks.order'), <OrderRef key="order" id={order_id} />],
              [t('desks.total'), moneyText(data.total_amount, language)],
              [t('reviews.user'), data.user_id],
              [t('reviews.contact'), [data.contact.email, data.contact.phone].filter(Boolean).join(', ')],
              [t('reviews.goes_to'), placeOf(data.shipping_address)],
              [t('reviews.billed_to'), placeOf(data.billing_address)],
            ]}
          />
          <Typography component="ul" variant="body2" sx={{ m: 0, pl: 2.5 }} aria-label={t('reviews.goods')}>
            {data.items.map((item) => (
              <li key={item.item_id}>
                {item.quantity} × {item.name} ({moneyText(item.subtotal, language)})
              </li>
            ))}
          </Typography>
        </>
      ) : null}
      <FormControl>
        <FormLabel id="decision">{t('reviews.decision')}</FormLabel>
        <RadioGroup
          row
          aria-labelledby="decision"
          value={form.decision}
          onChange={(event) => change({ decision: event.target.value as Decision })}
        >
          <FormControlLabel value="approve" control={<Radio />} label={t('reviews.approve')} />
          <FormControlLabel value="reject" control={<Radio />} label={t('reviews.reject')} />
        </RadioGroup>
      </FormControl>
      <Field
        label={t('reviews.note')}
        value={form.reason}
        set={(reason) => change({ reason })}
        help={t('reviews.note_help')}
        required
        multiline
        minRows={2}
        slotProps={{ htmlInput: { maxLength: 200 } }}
      />
    </Ask>
  );
}
