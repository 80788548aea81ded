/** The catalogue: products and their prices, on sale or not. */
import Button from '@mui/material/Button';
import MuiLink from '@mui/material/Link';
import { Link as RouterLink } from 'react-router-dom';
import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Choice } from '../kit/Choice';
import { Bar, Desk, Part } from '../kit/Desk';
import { LookFor } from '../kit/LookFor';
import { Rows } from '../kit/Rows';
import { Amount, Moment } from '../kit/refs';
import { useChoice } from '../kit/useChoice';
import { usePages } from '../kit/usePages';

export function ProductsDesk() {
  const { t } = useWords();
  const keeps = useMay('warehouse');
  const [q, setQ] = useChoice('q');
  const [active, setActive] = useChoice('active');
  const pages = usePages(['products', q, active], (cursor) =>
    told(
      api.GET('/api/admin/products', {
        params: { query: { q: q || null, active: active ? active === 'yes' : null, cursor: cursor ?? null } },
      }),
    ),
  );
  return (
    <Desk
      title={t('products.title')}
      intro={t('products.intro')}
      actions={
        keeps ? (
          <Button component={RouterLink} to="/products/create" variant="contained">
            {t('products.new')}
          </Button>
        ) : null
      }
    >
      <Part>
        <Bar label={t('desks.filters')}>
          <LookFor label={t('products.search')} value={q} set={setQ} />
          <Choice
            label={t('products.sale')}
            value={active}
            set={setActive}
            of={[
              { value: '', label: t('desks.all') },
              { value: 'yes', label: t('products.on_sale') },
              { value: 'no', label: t('products.off_sale') },
            ]}
          />
        </Bar>
        <Rows
          caption={t('products.title')}
          pages={pages}
          rowKey={(product) => product.product_id}
          empty={t('products.none')}
          columns={[
            {
              name: 'sku',
              label: t('desks.sku'),
              cell: (product) => (
                <MuiLink component={RouterLink} to={`/products/${encodeURIComponent(product.product_id)}`}>
                  {product.product_id}
                </MuiLink>
              ),
            },
            { name: 'name', label: t('products.name'), cell: (product) => product.name },
            { name: 'price', label: t('products.price'), numeric: true, cell: (product) => <Amount of={product.price} /> },
            { name: 'tax', label: t('products.tax_class'), cell: (product) => product.tax_class },
            {
              name: 'sale',
              label: t('products.sale'),
              cell: (product) => t(product.active ? 'products.on_sale' : 'products.off_sale'),
            },
            { name: 'changed', label: t('products.changed'), cell: (product) => <Moment at={product.updated_at} day /> },
            {
              name: 'stock',
              label: t('desks.actions'),
              actions: true,
              cell: (product) => (
                <Button
                  component={RouterLink}
                  to={`/stock?product=${encodeURIComponent(product.product_id)}`}
                  aria-label={`${t('stock.title')}: ${product.product_id}`}
                >
                  {t('stock.title')}
                </Button>
              ),
            },
          ]}
        />
      </Part>
    </Desk>
  );
}
