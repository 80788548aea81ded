/** Dead letters: records that a service could not handle, sent back or given up with a reason. */
import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useQueries, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, told } from '../../../api/client';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Choice } from '../kit/Choice';
import { Bar, Desk, Part } from '../kit/Desk';
import { Mark } from '../kit/Mark';
import { Outcome } from '../kit/Outcome';
import { Rows } from '../kit/Rows';
import { Moment } from '../kit/refs';
import { useChoice } from '../kit/useChoice';
import { useEach } from '../kit/useEach';
import { DiscardAsk } from './DiscardAsk';
import { LetterAsk } from './LetterAsk';
import { type Letter, type LetterStatus, lettersOf, SERVICES, type Service, together } from './letters';

const keyOf = (letter: Letter): string => `${letter.service} ${letter.id}`;

export async function sendBack(service: Service, id: string): Promise<void> {
  const path = `/api/admin/dead-letters/${service}/{letter_id}/retry` as '/api/admin/dead-letters/order/{letter_id}/retry';
  await told(api.POST(path, { params: { path: { letter_id: id } } }));
}

export function DeadLettersDesk() {
  const { t } = useWords();
  const say = useProblemText();
  const queries = useQueryClient();
  const decides = useMay('support');
  const [status, setStatus] = useChoice('status', 'open');
  const [service, setService] = useChoice('service');
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [opened, setOpened] = useState<Letter | null>(null);
  const [discarded, setDiscarded] = useState<Letter[] | null>(null);
  const { results, busy, each } = useEach();
  const asked = SERVICES.filter((one) => !service || one === service);
  const lists = useQueries({
    queries: asked.map((one) => ({
      queryKey: ['dead-letters', one, status],
      queryFn: () => lettersOf(one, status === 'all' ? null : (status as LetterStatus)),
      retry: false,
      refetchInterval: 30_000,
    })),
  });
  const letters = together(lists.map((list) => list.data ?? []));
  const byKey = new Map(letters.map((letter) => [keyOf(letter), letter]));
  const chosen = [...picked].flatMap((key) => byKey.get(key) ?? []);
  const retry = async (keys: string[]) => {
    const failed = await each(keys, async (key) => {
      const letter = byKey.get(key) as Letter;
      await sendBack(letter.service, letter.id);
      return t('letters.sent_back');
    });
    setPicked(new Set(failed));
    void queries.invalidateQueries({ queryKey: ['dead-letters'] });
  };
  return (
    <Desk title={t('letters.title')} intro={t('letters.intro')}>
      {lists.map((list, place) =>
        list.error ? (
          <Alert key={asked[place]} severity="warning" sx={{ mb: 1 }}>
            {t('letters.missing', { service: t(`service.${asked[place]}`) })} {say(list.error)}
          </Alert>
        ) : null,
      )}
      <Part>
        <Bar label={t('desks.filters')}>
          <Choice
            label={t('desks.state')}
            value={status}
            set={setStatus}
            of={['open', 'retried', 'discarded', 'all'].map((value) => ({
              value,
              label: t(value === 'all' ? 'desks.all' : `letter.${value}`),
            }))}
          />
          <Choice
            label={t('letters.service')}
            value={service}
            set={setService}
            of={['', ...SERVICES].map((value) => ({ value, label: value ? t(`service.${value}`) : t('desks.all') }))}
          />
        </Bar>
        {decides && status === 'open' && letters.length ? (
          <Bar label={t('desks.for_picked')}>
            <Typography component="span" aria-live="polite">
              {t('desks.picked', { smart_count: chosen.length })}
            </Typography>
            <Button variant="outlined" disabled={!chosen.length} loading={busy} onClick={() => void retry(chosen.map(keyOf))}>
              {t('letters.send_back')}
            </Button>
            <Button color="error" disabled={!chosen.length} onClick={() => setDiscarded(chosen)}>
              {t('letters.discard')}
            </Button>
          </Bar>
        ) : null}
        <div role="status">
          {[...results].map(([key, result]) =>
            byKey.has(key) ? null : (
              <Typography key={key} variant="body2">
                {key.split(' ')[0]}: {result.text}
              </Typography>
            ),
          )}
        </div>
        <Rows
          caption={t('letters.title')}
          pages={{ rows: letters, error: null, loading: lists.some((list) => list.isPending && !list.error) }}
          rowKey={keyOf}
          empty={t(status === 'open' ? 'letters.none' : 'desks.none')}
          {...(decides && status === 'open'
            ? { picking: { picked, set: setPicked, name: (key: string) => byKey.get(key)?.type ?? key } }
            : {})}
          note={(letter) => {
            const result = results.get(keyOf(letter));
            return result ? <Outcome of={result} /> : null;
          }}
          columns={[
            { name: 'at', label: t('desks.at'), cell: (letter) => <Moment at={letter.created_at} /> },
            { name: 'service', label: t('letters.service'), cell: (letter) => t(`service.${letter.service}`) },
            {
              name: 'event',
              label: t('letters.event'),
              cell: (letter) => (
                <div>
                  <strong>{letter.type ?? '–'}</strong>
                  <br />
                  <small>
                    {letter.topic} {letter.kafka_partition}/{letter.kafka_offset}
                  </small>
                </div>
              ),
            },
            {
              name: 'reason',
              label: t('desks.reason'),
              cell: (letter) => (
                <div>
                  {letter.reason.replaceAll('_', ' ')}
                  <br />
                  <small>{letter.error}</small>
                </div>
              ),
            },
            {
              name: 'state',
              label: t('desks.state'),
              cell: (letter) => (
                <div>
                  <Mark of={letter.status} kind="letter" />
                  {letter.resolved_by ? (
                    <small style={{ display: 'block' }}>
                      {letter.resolved_by}, <Moment at={letter.resolved_at} /> {letter.note}
                    </small>
                  ) : null}
                </div>
              ),
            },
            {
              name: 'actions',
              label: t('desks.actions'),
              actions: true,
              cell: (letter) => (
                <>
                  <Button onClick={() => setOpened(letter)} aria-label={`${t('letters.look')}: ${letter.type ?? letter.id}`}>
                    {t('letters.look')}
                  </Button>
                  {decides && letter.status === 'open' ? (
                    <>
                      <Button
                        onClick={() => void retry([keyOf(letter)])}
                        loading={results.get(keyOf(letter))?.state === 'working'}
                        aria-label={`${t('letters.send_back')}: ${letter.type ?? letter.id}`}
                      >
                        {t('letters.send_back')}
                      </Button>
                      <Button
                        color="error"
                        onClick={() => setDiscarded([letter])}
                        aria-label={`${t('letters.discard')}: ${letter.type ?? letter.id}`}
                      >
                        {t('letters.discard')}
                      </Button>
                    </>
                  ) : null}
                </>
              ),
            },
          ]}
        />
      </Part>
      {opened ? <LetterAsk letter={opened} onClose={() => setOpened(null)} /> : null}
      {discarded ? (
        <DiscardAsk
          letters={discarded}
          onClose={() => {
            setDiscarded(null);
            setPicked(new Set());
          }}
        />
      ) : null}
    </Desk>
  );
}
