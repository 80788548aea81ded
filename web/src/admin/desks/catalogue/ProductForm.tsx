import Add from '@mui/icons-material/Add';
import DeleteOutline from '@mui/icons-material/DeleteOutlined';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import FormControlLabel from '@mui/material/FormControlLabel';
import IconButton from '@mui/material/IconButton';
import Switch from '@mui/material/Switch';
import Typography from '@mui/material/Typography';
import { Problem } from '../../../api/problem';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Field } from '../kit/Field';
import { MoneyField } from '../kit/MoneyField';
import { NumberField } from '../kit/NumberField';
import { Refusal } from '../kit/Refusal';
import { isReadable, needed } from '../kit/typed';
import { useDraft } from '../kit/useDraft';

export interface Whole {
  product_id: string;
  name: string;
  description: string;
  price: number | null;
  active: boolean;
  weight_grams: number;
  tax_class: string;
  backorder: boolean;
  low_stock_threshold: number | null;
  category: string;
  image_url: string;
  components: { product_id: string; quantity: number }[];
}

const SHOWN = [
  'product_id',
  'name',
  'description',
  'price.amount',
  'weight_grams',
  'tax_class',
  'low_stock_threshold',
  'category',
  'image_url',
];

export function ProductForm({
  draft,
  blank,
  currency,
  submit,
  save,
  busy,
  error,
  isNew = false,
}: {
  draft: string;
  blank: Whole;
  currency: string;
  submit: string;
  save: (whole: Whole) => Promise<unknown>;
  busy: boolean;
  error: unknown;
  isNew?: boolean;
}) {
  const { t } = useWords();
  const readOnly = !useMay('warehouse');
  const [form, change, clear] = useDraft<Whole>(draft, blank);
  const refusal = error instanceof Problem ? error : null;
  const changed = JSON.stringify(form) !== JSON.stringify(blank);
  const priced = form.price !== null && form.price > 0;
  const complete = form.product_id.trim() !== '' && form.name.trim() !== '' && priced && isReadable(form);
  const setPart = (place: number, part: Partial<Whole['components'][number]>) =>
    change({ components: form.components.map((one, other) => (other === place ? { ...one, ...part } : one)) });
  return (
    <form
      noValidate
      onSubmit={async (event) => {
        event.preventDefault();
        if (complete && (await save(form)) !== undefined) clear();
      }}
    >
      <Refusal error={error} shown={SHOWN} />
      <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: '1fr', md: '1fr 1fr' }, maxWidth: 900 }}>
        <Field
          label={t('desks.sku')}
          value={form.product_id}
          set={(product_id) => change({ product_id })}
          fault={refusal?.of('product_id')}
          disabled={!isNew}
          required
          slotProps={{ htmlInput: { maxLength: 64 } }}
        />
        <Field
          label={t('products.name')}
          value={form.name}
          set={(name) => change({ name })}
          fault={refusal?.of('name')}
          disabled={readOnly}
          required
          slotProps={{ htmlInput: { maxLength: 200 } }}
        />
        <Box sx={{ gridColumn: '1 / -1' }}>
          <Field
            label={t('products.description')}
            value={form.description}
            set={(description) => change({ description })}
            fault={refusal?.of('description')}
            disabled={readOnly}
            multiline
            minRows={2}
            slotProps={{ htmlInput: { maxLength: 2000 } }}
          />
        </Box>
        <MoneyField
          label={t('products.price')}
          value={form.price}
          currency={currency}
          set={(price) => change({ price })}
          fault={refusal?.of('price.amount')}
          disabled={readOnly}
          required
        />
        <Field
          label={t('products.tax_class')}
          value={form.tax_class}
          set={(tax_class) => change({ tax_class })}
          fault={refusal?.of('tax_class')}
          disabled={readOnly}
        />
        <NumberField
          label={t('products.weight')}
          value={form.weight_grams}
          set={(grams) => change({ weight_grams: needed(grams) })}
          fault={refusal?.of('weight_grams')}
          disabled={readOnly}
        />
        <NumberField
          label={t('products.low')}
          value={form.low_stock_threshold}
          set={(low_stock_threshold) => change({ low_stock_threshold })}
          fault={refusal?.of('low_stock_threshold')}
          help={t('products.low_help')}
          disabled={readOnly}
        />
        <Field
          label={t('products.category')}
          value={form.category}
          set={(category) => change({ category })}
          fault={refusal?.of('category')}
          disabled={readOnly}
          slotProps={{ htmlInput: { maxLength: 100 } }}
        />
        <Field
          label={t('products.image')}
          value={form.image_url}
          set={(image_url) => change({ image_url })}
          fault={refusal?.of('image_url')}
          help={t('products.image_help')}
          disabled={readOnly}
          slotProps={{ htmlInput: { maxLength: 500, inputMode: 'url' } }}
        />
        <FormControlLabel
          label={t('products.active')}
          control={
            <Switch checked={form.active} disabled={readOnly} onChange={(event) => change({ active: event.target.checked })} />
          }
        />
        <FormControlLabel
          label={t('products.backorder')}
          control={
            <Switch
              checked={form.backorder}
              disabled={readOnly}
              onChange={(event) => change({ backorder: event.target.checked })}
            />
          }
        />
      </Box>
      <Typography variant="h3" component="h2" sx={{ mt: 3, mb: 1 }}>
        {t('products.components')}
      </Typography>
      <Typography variant="body2" sx={{ color: 'text.secondary', mb: 1.5 }}>
        {t('products.components_help')}
      </Typography>
      {form.components.map((part, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: parts are typed and have no name yet
        <Box key={place} sx={{ display: 'flex', gap: 1, mb: 1.5, maxWidth: 560 }}>
          <Field
            label={t('desks.sku')}
            value={part.product_id}
            set={(product_id) => setPart(place, { product_id })}
            fault={refusal?.of(`components.${place}.product_id`)}
            disabled={readOnly}
          />
          <NumberField
            label={t('stock.units')}
            value={part.quantity}
            set={(quantity) => setPart(place, { quantity: needed(quantity) })}
            fault={refusal?.of(`components.${place}.quantity`)}
            disabled={readOnly}
          />
          {readOnly ? null : (
            <IconButton
              aria-label={`${t('rules.remove')}: ${part.product_id || place + 1}`}
              onClick={() => change({ components: form.components.filter((_, other) => other !== place) })}
            >
              <DeleteOutline />
            </IconButton>
          )}
        </Box>
      ))}
      {readOnly ? null : (
        <>
          <Button
            startIcon={<Add />}
            onClick={() => change({ components: [...form.components, { product_id: '', quantity: 1 }] })}
          >
            {t('products.add_component')}
          </Button>
          <Box sx={{ display: 'flex', gap: 1, mt: 3 }}>
            <Button type="submit" variant="contained" disabled={!changed || !complete} loading={busy}>
              {submit}
            </Button>
            <Button color="inherit" onClick={clear} disabled={!changed}>
              {t('desks.undo')}
            </Button>
          </Box>
        </>
      )}
    </form>
  );
}
