/** The ways of shipping and what they cost: for each, rates by country and weight, the first that fits being its price. */
import Add from '@mui/icons-material/Add';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { api, told } from '../../../api/client';
import { Problem } from '../../../api/problem';
import type { components } from '../../../api/schema/order';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Desk } from '../kit/Desk';
import { Refusal } from '../kit/Refusal';
import { Waiting } from '../kit/Rows';
import { isReadable } from '../kit/typed';
import { keyed, useAct } from '../kit/useAct';
import { useDraft } from '../kit/useDraft';
import { inOrder } from './days';
import { MethodCard } from './MethodCard';
import { SaveBar } from './SaveBar';
import { useTerms } from './useTerms';

export type Method = components['schemas']['ShippingMethod'];

const BLANK: Method = {
  method_id: '',
  name: '',
  rates: [{ countries: [], up_to_grams: null, price: 0 }],
  tax_class: 'standard',
};

export function ShippingMethodsDesk() {
  const { t } = useWords();
  const methods = useTerms('shipping-methods', () => api.GET('/api/admin/shipping-methods'));
  return (
    <Desk title={t('methods.title')} intro={t('methods.intro')}>
      <Refusal error={methods.error} again={() => void methods.refetch()} />
      {methods.isPending && !methods.error ? <Waiting /> : null}
      {methods.data ? (
        <Editor key={methods.data.version} items={methods.data.data.items as Method[]} tag={methods.data.version} />
      ) : null}
    </Desk>
  );
}

function Editor({ items, tag }: { items: Method[]; tag: string | null }) {
  const { t } = useWords();
  const readOnly = !useMay('finance');
  const [form, change, clear] = useDraft<{ items: Method[] }>(`shipping-methods.${tag}`, { items });
  const save = useAct(
    (methods: Method[], key) =>
      told(
        api.PUT('/api/admin/shipping-methods', {
          params: { header: { ...keyed(key), 'if-match': tag } },
          body: { items: methods },
        }),
      ),
    { said: () => t('terms.saved'), stale: ['tax-rates', 'shipping-methods'], done: clear },
  );
  return (
    <>
      <Refusal error={save.error} />
      {form.items.map((method, place) => (
        <MethodCard
          // biome-ignore lint/suspicious/noArrayIndexKey: a new way has no name yet
          key={place}
          method={method}
          readOnly={readOnly}
          refusal={save.error instanceof Problem ? save.error : null}
          place={place}
          set={(next) => change({ items: form.items.map((one, other) => (other === place ? next : one)) })}
          remove={() => change({ items: form.items.filter((_, other) => other !== place) })}
        />
      ))}
      {readOnly ? null : (
        <Box>
          <Button startIcon={<Add />} onClick={() => change({ items: [...form.items, BLANK] })}>
            {t('methods.add')}
          </Button>
          <SaveBar
            changed={JSON.stringify(form.items) !== JSON.stringify(items)}
            readable={isReadable(form)}
            busy={save.busy}
            save={() => void save.run(form.items.map((one) => ({ ...one, days: inOrder(one.days ?? null) })))}
            undo={clear}
          />
        </Box>
      )}
    </>
  );
}
