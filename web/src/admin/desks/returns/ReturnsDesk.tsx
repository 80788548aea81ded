/** The returns desk: what customers want to send back, what is awaited, and what came. */
import MuiLink from '@mui/material/Link';
import { Link as RouterLink } from 'react-router-dom';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/order';
import { useWords } from '../../../words/words';
import { Choice } from '../kit/Choice';
import { Bar, Desk, Part } from '../kit/Desk';
import { Mark } from '../kit/Mark';
import { Rows } from '../kit/Rows';
import { Amount, Moment, OrderRef, shortName } from '../kit/refs';
import { useChoice } from '../kit/useChoice';
import { usePages } from '../kit/usePages';

type Stage = components['schemas']['ReturnStage'];

const STAGES = ['requested', 'approved', 'partially_received', 'received', 'closed', 'declined'];

export function ReturnsDesk() {
  const { t } = useWords();
  const [state, setState] = useChoice('state', 'requested');
  const pages = usePages(
    ['returns', state],
    (cursor) =>
      told(
        api.GET('/api/admin/returns', {
          params: { query: { cursor: cursor ?? null, state: state === 'all' ? null : (state as Stage) } },
        }),
      ),
    { every: () => 30_000 },
  );
  return (
    <Desk title={t('returns.title')} intro={t('returns.intro')}>
      <Part>
        <Bar label={t('desks.filters')}>
          <Choice
            label={t('desks.state')}
            value={state}
            set={setState}
            of={[...STAGES, 'all'].map((value) => ({ value, label: t(value === 'all' ? 'desks.all' : `state.${value}`) }))}
          />
        </Bar>
        <Rows
          caption={t('returns.title')}
          pages={pages}
          rowKey={(back) => back.return_id}
          empty={t('returns.none')}
          columns={[
            {
              name: 'return',
              label: t('returns.return'),
              cell: (back) => (
                <MuiLink
                  component={RouterLink}
                  to={`/returns/${back.order_id}/${back.return_id}`}
                  sx={{ fontFamily: 'monospace', fontWeight: 700 }}
                >
                  {shortName(back.return_id)}
                </MuiLink>
              ),
            },
            { name: 'order', label: t('desks.order'), cell: (back) => <OrderRef id={back.order_id} /> },
            {
              name: 'units',
              label: t('returns.units'),
              cell: (back) => (
                <div>
                  {back.lines.map((line) => (
                    <div key={line.item_id}>
                      {line.quantity} × {line.product_id} ({t(`return_reason.${line.reason}`)})
                    </div>
                  ))}
                </div>
              ),
            },
            { name: 'refund', label: t('returns.worth'), numeric: true, cell: (back) => <Amount of={back.refund_amount} /> },
            { name: 'asked', label: t('returns.asked'), cell: (back) => <Moment at={back.created_at} /> },
            { name: 'until', label: t('returns.until'), cell: (back) => <Moment at={back.deadline_at} day /> },
            { name: 'state', label: t('desks.state'), cell: (back) => <Mark of={back.state} /> },
          ]}
        />
      </Part>
    </Desk>
  );
}
