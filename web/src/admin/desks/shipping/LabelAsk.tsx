/** A parcel's label: what carriers ask for it, the one that is bought, and what became of those before. */
import Button from '@mui/material/Button';
import FormControl from '@mui/material/FormControl';
import FormControlLabel from '@mui/material/FormControlLabel';
import FormLabel from '@mui/material/FormLabel';
import Radio from '@mui/material/Radio';
import RadioGroup from '@mui/material/RadioGroup';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/order';
import { moneyText } from '../../../look/money';
import { useWords } from '../../../words/words';
import { Ask } from '../kit/Ask';
import { openPaper } from '../kit/document';
import { Mark } from '../kit/Mark';
import { Refusal } from '../kit/Refusal';
import { Waiting } from '../kit/Rows';
import { shortName } from '../kit/refs';
import { keyed, useAct } from '../kit/useAct';
import type { Work } from './work';

type Rate = components['schemas']['RateView'];

const COMING_MS = 1_000;
const nameOf = (rate: Rate): string => `${rate.carrier} ${rate.service}`;

export function LabelAsk({ work, onClose }: { work: Work; onClose: () => void }) {
  const { t, language } = useWords();
  const { order_id, shipment_id } = work;
  const path = { order_id, shipment_id };
  const [chosen, setChosen] = useState<string | null>(null);
  const [opening, setOpening] = useState<unknown>(null);
  const labels = useQuery({
    queryKey: ['labels', order_id],
    queryFn: () => told(api.GET('/api/admin/orders/{order_id}/labels', { params: { path: { order_id } } })),
    retry: false,
    refetchInterval: (query) => (query.state.data?.items.some((one) => one.state === 'wanted') ? COMING_MS : false),
  });
  const mine = labels.data?.items.filter((label) => label.shipment_id === shipment_id) ?? [];
  const now = mine.find((label) => label.state === 'wanted' || label.state === 'bought');
  const rates = useQuery({
    queryKey: ['rates', shipment_id],
    queryFn: () => told(api.GET('/api/admin/orders/{order_id}/shipments/{shipment_id}/rates', { params: { path } })),
    enabled: labels.isSuccess && !now,
    retry: false,
    staleTime: 30_000,
  });
  const buy = useAct(
    (body: { carrier: string; service: string }, key) =>
      told(
        api.POST('/api/admin/orders/{order_id}/shipments/{shipment_id}/label', {
          params: { path, header: keyed(key) },
          body,
        }),
      ),
    { said: () => t('shipping.label_ordered'), stale: ['shipments', 'labels'] },
  );
  const giveBack = useAct(
    (_: null, key) =>
      told(api.DELETE('/api/admin/orders/{order_id}/shipments/{shipment_id}/label', { params: { path, header: keyed(key) } })),
    { said: () => t('shipping.label_given_back'), stale: ['shipments', 'labels'] },
  );
  const cheapest = rates.data?.items[0];
  const rate = rates.data?.items.find((one) => nameOf(one) === chosen) ?? cheapest;
  const bought = now?.state === 'bought';
  const failed = mine.filter((label) => label.error && label !== now);
  return (
    <Ask
      title={t('shipping.label_title', { parcel: shortName(shipment_id) })}
      submit={bought ? t('shipping.print_label') : t('shipping.buy_label')}
      busy={buy.busy || now?.state === 'wanted'}
      disabled={!bought && !rate}
      error={opening ?? buy.error ?? giveBack.error ?? labels.error}
      onSubmit={() => {
        if (bought) {
          setOpening(null);
          openPaper(`/api/admin/orders/${order_id}/shipments/${shipment_id}/label`).catch(setOpening);
        } else if (rate) void buy.run({ carrier: rate.carrier, service: rate.service });
      }}
      onClose={onClose}
    >
      {labels.isPending ? <Waiting /> : null}
      <div aria-live="polite">
        {now ? (
          <Typography component="div">
            <Mark of={now.state} kind="label" /> {[now.carrier, now.service].filter(Boolean).join(' ')}
            {now.tracking_number ? (
              <Typography sx={{ fontFamily: 'monospace', fontSize: '1.2rem', mt: 1 }}>{now.tracking_number}</Typography>
            ) : (
              <Typography sx={{ mt: 1 }}>{now.error ?? t('shipping.label_coming')}</Typography>
            )}
            {now.cost ? moneyText(now.cost, language) : null}
          </Typography>
        ) : null}
      </div>
      {bought ? (
        <Button color="error" onClick={() => void giveBack.run(null)} loading={giveBack.busy} sx={{ alignSelf: 'flex-start' }}>
          {t('shipping.give_back')}
        </Button>
      ) : null}
      {failed.map((label) => (
        <Typography key={label.label_id} color="error" variant="body2">
          {t('shipping.label_failed', { carrier: label.carrier ?? '', error: label.error ?? '' })}
        </Typography>
      ))}
      {!now && rates.isFetching ? <Waiting /> : null}
      {!now ? <Refusal error={rates.error} again={() => void rates.refetch()} /> : null}
      {!now && rates.data ? (
        <FormControl>
          <FormLabel id="rates">{t('shipping.rates')}</FormLabel>
          <RadioGroup
            aria-labelledby="rates"
            value={rate ? nameOf(rate) : ''}
            onChange={(event) => setChosen(event.target.value)}
          >
            {rates.data.items.map((one) => (
              <FormControlLabel
                key={nameOf(one)}
                value={nameOf(one)}
                control={<Radio autoFocus={one === cheapest} />}
                label={[
                  nameOf(one),
                  moneyText(one.cost, language),
                  one.delivery_days ? t('shipping.days', { smart_count: one.delivery_days }) : '',
                ]
                  .filter(Boolean)
                  .join(' · ')}
              />
            ))}
          </RadioGroup>
          {rates.data.objections.map((one) => (
            <Typography key={one.carrier} variant="body2" sx={{ color: 'text.secondary' }}>
              {one.carrier}: {one.message}
            </Typography>
          ))}
        </FormControl>
      ) : null}
    </Ask>
  );
}
