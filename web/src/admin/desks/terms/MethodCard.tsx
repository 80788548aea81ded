import Add from '@mui/icons-material/Add';
import DeleteOutline from '@mui/icons-material/DeleteOutlined';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import IconButton from '@mui/material/IconButton';
import { useState } from 'react';
import type { Problem } from '../../../api/problem';
import { useWords } from '../../../words/words';
import { Part } from '../kit/Desk';
import { Field } from '../kit/Field';
import { MoneyField } from '../kit/MoneyField';
import { NumberField } from '../kit/NumberField';
import { typedList } from '../kit/rules';
import { needed } from '../kit/typed';
import { useShopCurrency } from '../kit/useShopCurrency';
import { withDays } from './days';
import type { Method } from './ShippingMethodsDesk';

type Rate = Method['rates'][number];

/** A way of shipping with its rates. */
export function MethodCard({
  method,
  place,
  readOnly,
  refusal,
  set,
  remove,
}: {
  method: Method;
  place: number;
  readOnly: boolean;
  refusal: Problem | null;
  set: (method: Method) => void;
  remove: () => void;
}) {
  const { t } = useWords();
  const currency = useShopCurrency();
  const fault = (field: string) => refusal?.of(`items.${place}.${field}`);
  const setRate = (at: number, rate: Partial<Rate>) =>
    set({ ...method, rates: method.rates.map((one, other) => (other === at ? { ...one, ...rate } : one)) });
  const days = method.days ?? null;
  return (
    <Part
      title={method.name || t('methods.new')}
      actions={
        readOnly ? null : (
          <Button color="error" onClick={remove}>
            {t('rules.remove')}
          </Button>
        )
      }
    >
      <Box sx={{ display: 'grid', gap: 2, mb: 2.5, gridTemplateColumns: 'repeat(auto-fill, minmax(min(100%, 11rem), 1fr))' }}>
        <Field
          label={t('methods.id')}
          value={method.method_id}
          set={(method_id) => set({ ...method, method_id })}
          fault={fault('method_id')}
          disabled={readOnly}
          required
        />
        <Field
          label={t('products.name')}
          value={method.name}
          set={(name) => set({ ...method, name })}
          fault={fault('name')}
          disabled={readOnly}
          required
        />
        <Field
          label={t('taxes.tax_class')}
          value={method.tax_class ?? 'standard'}
          set={(tax_class) => set({ ...method, tax_class })}
          fault={fault('tax_class')}
          disabled={readOnly}
        />
        <NumberField
          label={t('methods.days_from')}
          value={days?.[0] ?? null}
          set={(best) => set({ ...method, days: withDays(days, 'best', best) })}
          fault={fault('days')}
          disabled={readOnly}
        />
        <NumberField
          label={t('methods.days_to')}
          value={days?.[1] ?? null}
          set={(worst) => set({ ...method, days: withDays(days, 'worst', worst) })}
          disabled={readOnly}
        />
      </Box>
      {method.rates.map((rate, at) => (
        <Box
          // biome-ignore lint/suspicious/noArrayIndexKey: rates have no name but their rank
          key={at}
          role="group"
          aria-label={t('methods.rate', { row: at + 1, name: method.name })}
          sx={{
            display: 'grid',
            gap: 1,
            mb: { xs: 3, sm: 1.5 },
            alignItems: 'start',
            gridTemplateColumns: { xs: '1fr 1fr', sm: '2.5fr 1fr 1fr 44px' },
          }}
        >
          <Box sx={{ gridColumn: { xs: '1 / -1', sm: 'auto' } }}>
            <Countries
              value={rate.countries ?? []}
              set={(countries) => setRate(at, { countries })}
              fault={fault(`rates.${at}.countries`)}
              readOnly={readOnly}
            />
          </Box>
          <NumberField
            label={t('methods.up_to')}
            value={rate.up_to_grams ?? null}
            set={(up_to_grams) => setRate(at, { up_to_grams })}
            fault={fault(`rates.${at}.up_to_grams`)}
            disabled={readOnly}
          />
          <MoneyField
            label={t('products.price')}
            value={rate.price}
            currency={currency}
            set={(price) => setRate(at, { price: needed(price) })}
            fault={fault(`rates.${at}.price`)}
            disabled={readOnly}
          />
          {readOnly ? null : (
            <IconButton
              aria-label={`${t('rules.remove')}: ${t('methods.rate', { row: at + 1, name: method.name })}`}
              onClick={() => set({ ...method, rates: method.rates.filter((_, other) => other !== at) })}
              sx={{ justifySelf: 'start' }}
            >
              <DeleteOutline />
            </IconButton>
          )}
        </Box>
      ))}
      {readOnly ? null : (
        <Button
          startIcon={<Add />}
          onClick={() => set({ ...method, rates: [...method.rates, { countries: [], up_to_grams: null, price: 0 }] })}
        >
          {t('methods.add_rate')}
        </Button>
      )}
    </Part>
  );
}

/** Countries by their codes; read when the field is left. */
function Countries({
  value,
  set,
  fault,
  readOnly,
}: {
  value: string[];
  set: (countries: string[]) => void;
  fault: string | undefined;
  readOnly: boolean;
}) {
  const { t } = useWords();
  const [text, setText] = useState<string | null>(null);
  return (
    <Field
      label={t('methods.countries')}
      value={text ?? value.join(', ')}
      set={setText}
      onBlur={() => {
        if (text !== null) set(typedList(text, true));
        setText(null);
      }}
      placeholder={t('methods.everywhere')}
      fault={fault}
      disabled={readOnly}
      slotProps={{ inputLabel: { shrink: true } }}
    />
  );
}
