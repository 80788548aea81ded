/** The tax rates: which tax is due where, for which class of products. */
import Add from '@mui/icons-material/Add';
import DeleteOutline from '@mui/icons-material/DeleteOutlined';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import IconButton from '@mui/material/IconButton';
import { api, told } from '../../../api/client';
import { Problem } from '../../../api/problem';
import type { components } from '../../../api/schema/order';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Desk, Part } from '../kit/Desk';
import { Field } from '../kit/Field';
import { Refusal } from '../kit/Refusal';
import { Waiting } from '../kit/Rows';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';
import { SaveBar } from './SaveBar';
import { useTerms } from './useTerms';

type Rate = components['schemas']['TaxRate'];
interface Row {
  country: string;
  region: string;
  tax_class: string;
  percent: string;
}

const BLANK: Row = { country: '', region: '', tax_class: 'standard', percent: '' };
const rowOf = (rate: Rate): Row => ({
  country: rate.country,
  region: rate.region ?? '',
  tax_class: rate.tax_class ?? 'standard',
  percent: rate.percent,
});
const rateOf = ({ country, region, tax_class, percent }: Row): Rate => ({
  country: country.trim().toUpperCase(),
  region: region.trim() || null,
  tax_class: tax_class.trim(),
  percent: percent.trim().replace(',', '.'),
});

export function TaxRatesDesk() {
  const { t } = useWords();
  const rates = useTerms('tax-rates', () => api.GET('/api/admin/tax-rates'));
  return (
    <Desk title={t('taxes.title')} intro={t('taxes.intro')}>
      <Refusal error={rates.error} again={() => void rates.refetch()} />
      {rates.isPending && !rates.error ? <Waiting /> : null}
      {rates.data ? <Editor key={rates.data.version} items={rates.data.data.items} tag={rates.data.version} /> : null}
    </Desk>
  );
}

const COLUMNS: { name: keyof Row; required: boolean }[] = [
  { name: 'country', required: true },
  { name: 'region', required: false },
  { name: 'tax_class', required: true },
  { name: 'percent', required: true },
];

function Editor({ items, tag }: { items: Rate[]; tag: string | null }) {
  const { t } = useWords();
  const readOnly = !useMay('finance');
  const blank = { rows: items.map(rowOf) };
  const [form, change, clear] = useDraft(`tax-rates.${tag}`, blank);
  const save = useAct(
    (rates: Rate[], key) =>
      told(api.PUT('/api/admin/tax-rates', { params: { header: { ...keyed(key), 'if-match': tag } }, body: { items: rates } })),
    { said: () => t('terms.saved'), stale: ['tax-rates', 'shipping-methods'], done: clear },
  );
  const refusal = save.error instanceof Problem ? save.error : null;
  const setRow = (place: number, row: Partial<Row>) =>
    change({ rows: form.rows.map((one, other) => (other === place ? { ...one, ...row } : one)) });
  return (
    <Part>
      <Refusal error={save.error} />
      {form.rows.map((row, place) => (
        <Box
          // biome-ignore lint/suspicious/noArrayIndexKey: rates have no name but their place
          key={place}
          role="group"
          aria-label={t('taxes.rate', { row: place + 1, country: row.country })}
          sx={{
            display: 'grid',
            gap: 1,
            mb: { xs: 3, sm: 1.5 },
            alignItems: 'start',
            gridTemplateColumns: { xs: '1fr 1fr', sm: '1fr 1.5fr 1.5fr 1fr 44px' },
          }}
        >
          {COLUMNS.map(({ name, required }) => (
            <Field
              key={name}
              label={t(`taxes.${name}`)}
              value={row[name]}
              set={(value) => setRow(place, { [name]: value })}
              fault={refusal?.of(`items.${place}.${name}`)}
              required={required}
              disabled={readOnly}
            />
          ))}
          {readOnly ? null : (
            <IconButton
              aria-label={t('taxes.remove', { row: place + 1, country: row.country })}
              onClick={() => change({ rows: form.rows.filter((_, other) => other !== place) })}
              sx={{ justifySelf: 'start' }}
            >
              <DeleteOutline />
            </IconButton>
          )}
        </Box>
      ))}
      {readOnly ? null : (
        <>
          <Button startIcon={<Add />} onClick={() => change({ rows: [...form.rows, BLANK] })}>
            {t('taxes.add')}
          </Button>
          <SaveBar
            changed={JSON.stringify(form) !== JSON.stringify(blank)}
            busy={save.busy}
            save={() => void save.run(form.rows.map(rateOf))}
            undo={clear}
          />
        </>
      )}
    </Part>
  );
}
