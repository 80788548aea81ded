import { api, told } from '../../../api/client';
import { Problem } from '../../../api/problem';
import { useWords } from '../../../words/words';
import { Ask } from '../kit/Ask';
import { Field } from '../kit/Field';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';
import type { Warehouse } from './WarehousesDesk';

const BLANK = { warehouse_id: '', name: '', line1: '', postal_code: '', city: '', region: '', country: '' };
type Form = typeof BLANK;

const LABELS: Record<keyof Form, string> = {
  warehouse_id: 'warehouses.id',
  name: 'products.name',
  line1: 'warehouses.line1',
  postal_code: 'warehouses.postal_code',
  city: 'warehouses.city',
  region: 'warehouses.region',
  country: 'warehouses.country_code',
};
const REQUIRED: (keyof Form)[] = ['warehouse_id', 'name', 'country'];

/** Put up a warehouse, or say anew where one is. */
export function WarehouseAsk({ place, onClose }: { place: Warehouse | null; onClose: () => void }) {
  const { t } = useWords();
  const [form, change, clear] = useDraft<Form>(
    `warehouse.${place?.warehouse_id ?? ''}`,
    place ? { ...place, region: place.region ?? '' } : BLANK,
  );
  const save = useAct(
    ({ warehouse_id, region, country, ...rest }: Form, key) => {
      const body = { ...rest, region: region.trim() || null, country: country.trim().toUpperCase() };
      const header = keyed(key);
      return place
        ? told(api.PUT('/api/admin/warehouses/{warehouse_id}', { params: { path: { warehouse_id }, header }, body }))
        : told(api.POST('/api/admin/warehouses', { params: { header }, body: { warehouse_id: warehouse_id.trim(), ...body } }));
    },
    {
      said: (saved) => t('warehouses.saved', { name: saved.name }),
      stale: ['warehouses'],
      done: () => {
        clear();
        onClose();
      },
    },
  );
  const refusal = save.error instanceof Problem ? save.error : null;
  return (
    <Ask
      title={place ? place.name : t('warehouses.new')}
      submit={t('desks.save')}
      busy={save.busy}
      disabled={REQUIRED.some((name) => !form[name].trim())}
      error={save.error}
      shown={Object.keys(LABELS)}
      onSubmit={() => void save.run(form)}
      onClose={onClose}
    >
      {(Object.keys(LABELS) as (keyof Form)[]).map((name) => (
        <Field
          key={name}
          label={t(LABELS[name])}
          value={form[name]}
          set={(value) => change({ [name]: value })}
          fault={refusal?.of(name)}
          required={REQUIRED.includes(name)}
          disabled={name === 'warehouse_id' && place !== null}
          slotProps={{ htmlInput: { maxLength: name === 'country' ? 2 : 200 } }}
        />
      ))}
    </Ask>
  );
}
