import { useQuery } from '@tanstack/react-query';
import { useWords } from '../../words/words';
import { catalogueQuery, wishOf } from '../catalogue/products';
import { Page } from '../parts/Page';

const SERVICES = ['order', 'inventory', 'payment', 'notification'];
const SIMULATORS = [
  ['/sim/mail/', 'mailbox'],
  ['/sim/mail/messages', 'mails'],
  ['/sim/sms/messages', 'texts'],
  ['/sim/psp/ledger', 'psp'],
  ['/sim/carrier/parcels', 'parcels'],
  ['/sim/carrier/ledger', 'carriers'],
] as const;

const example = (sku: string) => `TOKEN=$(./waybill token --user alice --role customer)
curl -s ${location.origin}/api/orders -H "Authorization: Bearer $TOKEN" \\
  -H "Idempotency-Key: $(date +%s%N)" -H "Content-Type: application/json" \\
  -H "Prefer: wait=5" -d '{
  "items": [{"product_id": "${sku}", "quantity": 1}],
  "shipping_address": {"name": "Alice Example", "line1": "Unter den Linden 1",
    "city": "Berlin", "postal_code": "10117", "country": "DE"},
  "contact": {"email": "alice@example.com", "phone": "+4930123456"},
  "payment": {"method": "card", "token": "tok_ok"}}'`;

/** Where the interfaces are described, and how an order is placed without this front. */
export default function Developers() {
  const { t } = useWords();
  const { queryFn } = catalogueQuery(wishOf(''));
  const sku = useQuery({
    queryKey: ['any-product'],
    queryFn: async ({ signal }) => (await queryFn({ pageParam: null, signal })).items.find((one) => one.available)?.product_id,
  });
  const simulated = useQuery({
    queryKey: ['simulated'],
    // The gateway knows the simulators only where they run; asking it for its settings tells without a refused request.
    queryFn: async () =>
      ((await (await fetch('/web-settings.json')).json()) as { surroundings?: string }).surroundings !== 'none',
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Page title={t('developers.title')} narrow lead={<p className="lead">{t('developers.lead')}</p>}>
      <section className="card">
        <h2>{t('developers.interfaces')}</h2>
        <ul className="links">
          {SERVICES.map((service) => (
            <li key={service}>
              <a href={`/openapi/${service}.json`}>{service}</a>
            </li>
          ))}
        </ul>
      </section>
      <section className="card">
        <h2>{t('developers.place')}</h2>
        <p className="soft">{t('developers.place_text')}</p>
        <pre>{example(sku.data ?? 'SKU')}</pre>
      </section>
      {simulated.data && (
        <section className="card">
          <h2>{t('developers.outside')}</h2>
          <ul className="links">
            {SIMULATORS.map(([path, name]) => (
              <li key={path}>
                <a href={path}>{t(`developers.${name}`)}</a>
              </li>
            ))}
          </ul>
        </section>
      )}
    </Page>
  );
}
