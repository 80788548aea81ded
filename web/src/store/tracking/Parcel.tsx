import type { components } from '../../api/schema/order';
import { momentText } from '../../look/money';
import { useWords } from '../../words/words';
import { Steps } from '../orders/Progress';

type Seen = components['schemas']['ParcelView'];

const TROUBLE = ['attempt_failed', 'returned', 'exception', 'expired'];
const MOVING = ['in_transit', 'out_for_delivery', 'available_for_pickup', ...TROUBLE];

/** How far a parcel has come: 0 packing, 1 handed over, 2 on its way, 3 delivered. */
export function parcelStep(parcel: Pick<Seen, 'status' | 'tracking_status'>): number {
  if (parcel.status === 'delivered') return 3;
  if (MOVING.includes(parcel.tracking_status ?? '')) return 2;
  return parcel.status === 'dispatched' ? 1 : 0;
}

// A day without a time is the same day everywhere.
const dayOf = (date: string, language: string) =>
  new Intl.DateTimeFormat(language, { dateStyle: 'full', timeZone: 'UTC' }).format(new Date(date));

interface Props {
  parcel: Seen;
  at: number;
  of: number;
  contents?: string;
  /** Its rank among the headings of the page. */
  heading?: 'h2' | 'h3';
}

/** A parcel: where it is, where it was seen, and when it is expected. */
export function Parcel({ parcel, at, of, contents, heading: Heading = 'h3' }: Props) {
  const { t, has, locale } = useWords();
  const seen = `tracking.${parcel.tracking_status}`;
  const now = parcel.tracking_status && has(seen) ? t(seen) : t(`parcel.${parcel.status}`);
  const names = ['packing', 'handed_over', 'moving', 'delivered'].map((name) => t(`parcel.step.${name}`));
  const title = of > 1 ? t('parcel.of', { at: at + 1, of }) : t('parcel.one');
  return (
    <section className="parcel" aria-label={title}>
      <Heading>
        {title} · {t('parcel.units', { smart_count: parcel.units })}
      </Heading>
      {contents && <p className="soft">{contents}</p>}
      <p className={TROUBLE.includes(parcel.tracking_status ?? '') ? 'warn-text' : ''}>{now}</p>
      <Steps names={names} reached={parcelStep(parcel)} label={t('steps.title')} />
      {parcel.tracking_number && (
        <p className="soft">
          {[parcel.carrier, parcel.service].filter(Boolean).join(' ')} ·{' '}
          <span className="number">{parcel.tracking_number}</span>
        </p>
      )}
      {parcel.delivered_at ? (
        <p className="soft">{t('parcel.delivered_at', { at: momentText(parcel.delivered_at, locale) })}</p>
      ) : (
        parcel.expected_delivery && (
          <p className="soft">{t('parcel.expected', { day: dayOf(parcel.expected_delivery, locale) })}</p>
        )
      )}
      {parcel.events.length > 0 && (
        <ol className="events">
          {parcel.events.map((event) => (
            <li key={`${event.occurred_at}-${event.status}`}>
              <time dateTime={event.occurred_at} className="soft">
                {momentText(event.occurred_at, locale)}
              </time>
              <span>
                {has(`tracking.${event.status}`) ? t(`tracking.${event.status}`) : event.description}{' '}
                <span className="soft">{[event.city, event.region, event.country].filter(Boolean).join(', ')}</span>
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
