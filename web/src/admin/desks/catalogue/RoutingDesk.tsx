/** The routing rules: which warehouse sends what, in the order in which they are asked. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useQuery } from '@tanstack/react-query';
import { api, told, toldWithVersion } from '../../../api/client';
import { Problem } from '../../../api/problem';
import type { components } from '../../../api/schema/inventory';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Bar, Desk, Part } from '../kit/Desk';
import { Refusal } from '../kit/Refusal';
import { Waiting } from '../kit/Rows';
import { RuleList } from '../kit/RuleList';
import type { Kinds, Rule } from '../kit/rules';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';

const KINDS: Kinds = {
  single_warehouse: [],
  nearest: [{ name: 'near', as: 'some of', of: ['region', 'country'] }],
  fewest_splits: [],
  prefer: [
    { name: 'warehouses', as: 'list' },
    { name: 'countries', as: 'list', upper: true },
  ],
};

type Stored = components['schemas']['RuleView'];

/** `nearest` says by what in a parameter called `by`; its label is another than that of the risk rules' `by`. */
const shownOf = ({ kind, parameters, active }: Stored): Rule => {
  const { by, ...rest } = parameters;
  return { kind, active, ...rest, ...(by === undefined ? {} : { near: by }) };
};
const storedOf = ({ kind, active = true, near, ...rest }: Rule): Stored => ({
  kind: String(kind),
  active: Boolean(active),
  parameters: near === undefined ? rest : { ...rest, by: near },
});

export function RoutingDesk() {
  const { t } = useWords();
  const rules = useQuery({
    queryKey: ['routing-rules'],
    queryFn: () => toldWithVersion(api.GET('/api/admin/routing-rules')),
    retry: false,
  });
  return (
    <Desk title={t('routing.title')} intro={t('routing.intro')}>
      <Refusal error={rules.error} again={() => void rules.refetch()} />
      {rules.isPending && !rules.error ? <Waiting /> : null}
      {rules.data ? (
        <Editor
          key={rules.data.data.version}
          stored={rules.data.data.rules}
          version={rules.data.data.version}
          tag={rules.data.version}
        />
      ) : null}
    </Desk>
  );
}

function Editor({ stored, version, tag }: { stored: Stored[]; version: number; tag: string | null }) {
  const { t } = useWords();
  const readOnly = !useMay('warehouse');
  const blank = { rules: stored.map(shownOf) };
  const [form, change, clear] = useDraft(`routing.${version}`, blank);
  const save = useAct(
    (rules: Stored[], key) =>
      told(
        api.PUT('/api/admin/routing-rules', {
          params: { header: { ...keyed(key), 'if-match': tag } },
          body: { rules },
        }),
      ),
    { said: () => t('routing.saved'), stale: ['routing-rules'], done: clear },
  );
  const changed = JSON.stringify(form) !== JSON.stringify(blank);
  return (
    <Part title={t('risk.rules')}>
      <Refusal error={save.error} />
      <RuleList
        kinds={KINDS}
        rules={form.rules}
        set={(rules) => change({ rules })}
        currency="EUR"
        readOnly={readOnly}
        refusal={save.error instanceof Problem ? save.error : null}
        ranked
      />
      {readOnly ? null : (
        <Bar>
          <Box sx={{ flex: 1 }} />
          <Button color="inherit" disabled={!changed} onClick={clear}>
            {t('desks.undo')}
          </Button>
          <Button
            variant="contained"
            disabled={!changed}
            loading={save.busy}
            onClick={() => void save.run(form.rules.map(storedOf))}
          >
            {t('desks.save')}
          </Button>
        </Bar>
      )}
    </Part>
  );
}
