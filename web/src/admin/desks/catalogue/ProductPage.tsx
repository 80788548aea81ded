/** One product: all that is sold of it, changed as a whole by who has seen the version before. */
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams } from 'react-router-dom';
import { api, told, toldWithVersion } from '../../../api/client';
import type { components } from '../../../api/schema/inventory';
import { useWords } from '../../../words/words';
import { Desk, Part } from '../kit/Desk';
import { Refusal } from '../kit/Refusal';
import { Waiting } from '../kit/Rows';
import { Moment } from '../kit/refs';
import { keyed, useAct } from '../kit/useAct';
import { useShopCurrency } from '../kit/useShopCurrency';
import { ProductForm, type Whole } from './ProductForm';

type Product = components['schemas']['ProductView'];

const wholeOf = (product: Product): Whole => ({
  product_id: product.product_id,
  name: product.name,
  description: product.description,
  price: product.price.amount,
  active: product.active,
  weight_grams: product.weight_grams,
  tax_class: product.tax_class,
  backorder: product.backorder,
  low_stock_threshold: product.low_stock_threshold,
  category: product.category,
  image_url: product.image_url ?? '',
  components: product.components,
});

const BLANK: Whole = {
  product_id: '',
  name: '',
  description: '',
  price: null,
  active: true,
  weight_grams: 0,
  tax_class: 'standard',
  backorder: false,
  low_stock_threshold: null,
  category: '',
  image_url: '',
  components: [],
};

const bodyOf = ({ product_id: _, price, ...rest }: Whole, currency: string) => ({
  ...rest,
  price: { amount: price ?? 0, currency },
});

export function ProductPage() {
  const { t } = useWords();
  const { id: sku = '' } = useParams();
  const product = useQuery({
    queryKey: ['products', 'one', sku],
    queryFn: () => toldWithVersion(api.GET('/api/admin/products/{sku}', { params: { path: { sku } } })),
    retry: false,
    staleTime: 0,
  });
  const save = useAct(
    ({ whole, tag }: { whole: Whole; tag: string | null }, key) =>
      told(
        api.PUT('/api/admin/products/{sku}', {
          params: { path: { sku }, header: { ...keyed(key), 'if-match': tag } },
          body: bodyOf(whole, product.data?.data.price.currency ?? ''),
        }),
      ),
    { said: () => t('products.saved'), stale: ['products'] },
  );
  return (
    <Desk title={sku} intro={product.data?.data.name}>
      {product.isPending ? <Waiting /> : null}
      <Refusal error={product.error} again={() => void product.refetch()} />
      {product.data ? (
        <Part>
          <ProductForm
            key={product.data.version}
            draft={`product.${sku}.${product.data.data.version}`}
            blank={wholeOf(product.data.data)}
            currency={product.data.data.price.currency}
            submit={t('desks.save')}
            save={(whole) => save.run({ whole, tag: product.data.version })}
            busy={save.busy}
            error={save.error}
          />
          <Typography variant="body2" sx={{ mt: 2, color: 'text.secondary' }}>
            {t('products.version', { version: product.data.data.version })} <Moment at={product.data.data.updated_at} />
          </Typography>
        </Part>
      ) : null}
    </Desk>
  );
}

export function NewProductPage() {
  const { t } = useWords();
  const navigate = useNavigate();
  const currency = useShopCurrency();
  const create = useAct(
    (whole: Whole, key) =>
      told(
        api.POST('/api/admin/products', {
          params: { header: keyed(key) },
          body: { product_id: whole.product_id.trim(), ...bodyOf(whole, currency) },
        }),
      ),
    {
      said: (product) => t('products.created', { product: product.product_id }),
      stale: ['products'],
      done: (product) => navigate(`/products/${encodeURIComponent(product.product_id)}`),
    },
  );
  return (
    <Desk title={t('products.new')}>
      <Part>
        <ProductForm
          draft="product.new"
          blank={BLANK}
          currency={currency}
          submit={t('products.create')}
          save={create.run}
          busy={create.busy}
          error={create.error}
          isNew
        />
      </Part>
    </Desk>
  );
}
