/** The policy of returns: how long, what never, who pays, and who agrees. */
import Add from '@mui/icons-material/Add';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import FormControlLabel from '@mui/material/FormControlLabel';
import Switch from '@mui/material/Switch';
import Typography from '@mui/material/Typography';
import { api, told } from '../../../api/client';
import { Problem } from '../../../api/problem';
import type { components } from '../../../api/schema/order';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Desk, Part } from '../kit/Desk';
import { Field } from '../kit/Field';
import { MoneyField } from '../kit/MoneyField';
import { NumberField } from '../kit/NumberField';
import { Refusal } from '../kit/Refusal';
import { Waiting } from '../kit/Rows';
import { typedList } from '../kit/rules';
import { isReadable, needed } from '../kit/typed';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';
import { useShopCurrency } from '../kit/useShopCurrency';
import { SaveBar } from './SaveBar';
import { useTerms } from './useTerms';

type Rules = components['schemas']['ReturnRules'];

const REASONS = ['damaged', 'wrong_item', 'not_as_described', 'does_not_fit', 'too_late', 'no_longer_wanted', 'other'];

interface Form {
  windows: { tax_class: string; days: number }[];
  final_sale: string;
  fees: Record<string, number>;
  auto_approve: boolean;
  label: boolean;
  receive_days: number;
}

const formOf = (rules: Rules): Form => ({
  windows: Object.entries(rules.window_days ?? {}).map(([tax_class, days]) => ({ tax_class, days: Number(days) })),
  final_sale: (rules.final_sale ?? []).join('\n'),
  fees: rules.fees ?? {},
  auto_approve: rules.auto_approve ?? false,
  label: rules.label ?? false,
  receive_days: rules.receive_days ?? 30,
});
const rulesOf = (form: Form): Rules => ({
  window_days: Object.fromEntries(
    form.windows.filter((one) => one.tax_class.trim()).map((one) => [one.tax_class.trim(), one.days]),
  ) as Rules['window_days'],
  final_sale: typedList(form.final_sale),
  fees: form.fees,
  auto_approve: form.auto_approve,
  label: form.label,
  receive_days: form.receive_days,
});

export function ReturnPolicyDesk() {
  const { t } = useWords();
  const policy = useTerms('return-policy', () => api.GET('/api/admin/return-policy'));
  return (
    <Desk title={t('policy.title')} intro={t('policy.intro')}>
      <Refusal error={policy.error} again={() => void policy.refetch()} />
      {policy.isPending && !policy.error ? <Waiting /> : null}
      {policy.data ? <Editor key={policy.data.version} rules={policy.data.data} tag={policy.data.version} /> : null}
    </Desk>
  );
}

function Editor({ rules, tag }: { rules: Rules; tag: string | null }) {
  const { t } = useWords();
  const readOnly = !useMay('finance');
  const currency = useShopCurrency();
  const blank = formOf(rules);
  const [form, change, clear] = useDraft<Form>(`return-policy.${tag}`, blank);
  const save = useAct(
    (body: Rules, key) =>
      told(api.PUT('/api/admin/return-policy', { params: { header: { ...keyed(key), 'if-match': tag } }, body })),
    { said: () => t('policy.saved'), stale: ['return-policy'], done: clear },
  );
  const refusal = save.error instanceof Problem ? save.error : null;
  const setWindow = (place: number, part: Partial<Form['windows'][number]>) =>
    change({ windows: form.windows.map((one, other) => (other === place ? { ...one, ...part } : one)) });
  return (
    <>
      <Refusal error={save.error} />
      <Part title={t('policy.windows')}>
        <Typography sx={{ color: 'text.secondary', mb: 2 }}>{t('policy.windows_help')}</Typography>
        {form.windows.map((one, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a class is typed and has no name yet
          <Box key={place} sx={{ display: 'flex', gap: 1, mb: 1.5, maxWidth: 460 }}>
            <Field
              label={t('taxes.tax_class')}
              value={one.tax_class}
              set={(tax_class) => setWindow(place, { tax_class })}
              disabled={readOnly || one.tax_class === 'default'}
            />
            <NumberField
              label={t('policy.days')}
              value={one.days}
              set={(days) => setWindow(place, { days: needed(days) })}
              fault={refusal?.of(`window_days.${one.tax_class}`)}
              disabled={readOnly}
            />
          </Box>
        ))}
        {readOnly ? null : (
          <Button startIcon={<Add />} onClick={() => change({ windows: [...form.windows, { tax_class: '', days: 30 }] })}>
            {t('policy.add_class')}
          </Button>
        )}
      </Part>
      <Part title={t('policy.fees')}>
        <Typography sx={{ color: 'text.secondary', mb: 2 }}>{t('policy.fees_help')}</Typography>
        <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'repeat(auto-fill, minmax(min(100%, 14rem), 1fr))' }}>
          {REASONS.map((reason) => (
            <MoneyField
              key={reason}
              label={t(`return_reason.${reason}`)}
              value={form.fees[reason] ?? null}
              currency={currency}
              set={(fee) => {
                const { [reason]: _, ...rest } = form.fees;
                change({ fees: fee === null ? rest : { ...rest, [reason]: fee } });
              }}
              fault={refusal?.of(`fees.${reason}`)}
              disabled={readOnly}
            />
          ))}
        </Box>
      </Part>
      <Part title={t('policy.rest')}>
        <Box sx={{ display: 'grid', gap: 2, maxWidth: 560 }}>
          <FormControlLabel
            label={t('policy.auto')}
            control={
              <Switch
                checked={form.auto_approve}
                disabled={readOnly}
                onChange={(event) => change({ auto_approve: event.target.checked })}
              />
            }
          />
          <FormControlLabel
            label={t('policy.label')}
            control={
              <Switch checked={form.label} disabled={readOnly} onChange={(event) => change({ label: event.target.checked })} />
            }
          />
          <NumberField
            label={t('policy.receive_days')}
            value={form.receive_days}
            set={(days) => change({ receive_days: needed(days) })}
            fault={refusal?.of('receive_days')}
            disabled={readOnly}
          />
          <Field
            label={t('policy.final_sale')}
            value={form.final_sale}
            set={(final_sale) => change({ final_sale })}
            fault={refusal?.errors.find((one) => one.field.startsWith('final_sale'))?.message}
            help={t('policy.final_sale_help')}
            disabled={readOnly}
            multiline
            minRows={2}
            maxRows={8}
          />
        </Box>
        {readOnly ? null : (
          <SaveBar
            changed={JSON.stringify(form) !== JSON.stringify(blank)}
            readable={isReadable(form)}
            busy={save.busy}
            save={() => void save.run(rulesOf(form))}
            undo={clear}
          />
        )}
      </Part>
    </>
  );
}
