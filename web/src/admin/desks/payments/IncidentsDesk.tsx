/** What a person has to look at about orders' money, each with what to do; resolved by name, with what was done. */
import Button from '@mui/material/Button';
import { useState } from 'react';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/payment';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Ask } from '../kit/Ask';
import { Choice } from '../kit/Choice';
import { Bar, Desk, Part } from '../kit/Desk';
import { Field } from '../kit/Field';
import { Mark } from '../kit/Mark';
import { Rows } from '../kit/Rows';
import { Amount, Moment, OrderRef, shortName } from '../kit/refs';
import { keyed, useAct } from '../kit/useAct';
import { useChoice } from '../kit/useChoice';
import { useDraft } from '../kit/useDraft';
import { usePages } from '../kit/usePages';

type Incident = components['schemas']['IncidentView'];
type Matter = components['schemas']['Matter'];

const MATTERS: Matter[] = [
  'captured_after_cancellation',
  'overpaid',
  'underpaid',
  'authorization_expired',
  'capture_failed',
  'refund_failed',
  'refund_bounced',
];

export function IncidentsDesk() {
  const { t } = useWords();
  const resolves = useMay('finance');
  const [state, setState] = useChoice('state', 'open');
  const [kind, setKind] = useChoice('kind');
  const [opened, setOpened] = useState<Incident | null>(null);
  const pages = usePages(
    ['incidents', state, kind],
    (cursor) =>
      told(
        api.GET('/api/admin/payments/incidents', {
          params: {
            query: {
              state: state === 'all' ? null : (state as 'open' | 'resolved'),
              kind: (kind || null) as Matter | null,
              cursor: cursor ?? null,
            },
          },
        }),
      ),
    { every: () => 30_000 },
  );
  return (
    <Desk title={t('incidents.title')} intro={t('incidents.intro')}>
      <Part>
        <Bar label={t('desks.filters')}>
          <Choice
            label={t('desks.state')}
            value={state}
            set={setState}
            of={['open', 'resolved', 'all'].map((value) => ({
              value,
              label: t(value === 'all' ? 'desks.all' : `incident.${value}`),
            }))}
          />
          <Choice
            label={t('incidents.matter')}
            value={kind}
            set={setKind}
            of={['', ...MATTERS].map((value) => ({ value, label: value ? t(`matter.${value}`) : t('desks.all') }))}
          />
        </Bar>
        <Rows
          caption={t('incidents.title')}
          pages={pages}
          rowKey={(incident) => incident.incident_id}
          empty={t(state === 'open' ? 'incidents.none' : 'desks.none')}
          columns={[
            { name: 'at', label: t('desks.at'), cell: (incident) => <Moment at={incident.opened_at} /> },
            { name: 'order', label: t('desks.order'), cell: (incident) => <OrderRef id={incident.order_id} /> },
            {
              name: 'what',
              label: t('incidents.matter'),
              cell: (incident) => (
                <div>
                  <strong>{t(`matter.${incident.kind}`)}</strong>
                  {incident.code ? ` (${incident.code.replaceAll('_', ' ')})` : ''}
                  <br />
                  {t(`what_to_do.${incident.kind}`)}
                </div>
              ),
            },
            { name: 'amount', label: t('desks.amount'), numeric: true, cell: (incident) => <Amount of={incident.amount} /> },
            {
              name: 'state',
              label: t('desks.state'),
              cell: (incident) => (
                <div>
                  <Mark of={incident.resolved_at ? 'resolved' : 'open'} kind="incident" />
                  {incident.resolved_at ? (
                    <small style={{ display: 'block' }}>
                      {incident.resolved_by}, <Moment at={incident.resolved_at} />: {incident.note}
                    </small>
                  ) : null}
                </div>
              ),
            },
            {
              name: 'actions',
              label: t('desks.actions'),
              actions: true,
              cell: (incident) =>
                resolves && !incident.resolved_at ? (
                  <Button
                    onClick={() => setOpened(incident)}
                    aria-label={`${t('incidents.resolve')}: ${shortName(incident.order_id)}`}
                  >
                    {t('incidents.resolve')}
                  </Button>
                ) : null,
            },
          ]}
        />
      </Part>
      {opened ? <ResolveAsk incident={opened} onClose={() => setOpened(null)} /> : null}
    </Desk>
  );
}

function ResolveAsk({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const { t } = useWords();
  const { incident_id } = incident;
  const [form, change, clear] = useDraft(`incident.${incident_id}`, { note: '' });
  const resolve = useAct(
    (note: string, key) =>
      told(
        api.POST('/api/admin/payments/incidents/{incident_id}/resolve', {
          params: { path: { incident_id }, header: keyed(key) },
          body: { note },
        }),
      ),
    {
      said: () => t('incidents.resolved'),
      stale: ['incidents'],
      done: () => {
        clear();
        onClose();
      },
    },
  );
  return (
    <Ask
      title={t(`matter.${incident.kind}`)}
      submit={t('incidents.resolve')}
      busy={resolve.busy}
      disabled={!form.note.trim()}
      error={resolve.error}
      onSubmit={() => void resolve.run(form.note.trim())}
      onClose={onClose}
    >
      <div>{t(`what_to_do.${incident.kind}`)}</div>
      <Field
        label={t('incidents.note')}
        value={form.note}
        set={(note) => change({ note })}
        help={t('letters.discard_help')}
        required
        multiline
        minRows={2}
        slotProps={{ htmlInput: { maxLength: 200 } }}
      />
    </Ask>
  );
}
