/** The warehouses: where parcels leave from. */
import Button from '@mui/material/Button';
import { useState } from 'react';
import { api, told } from '../../../api/client';
import type { components } from '../../../api/schema/inventory';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Desk, Part } from '../kit/Desk';
import { Rows } from '../kit/Rows';
import { usePages } from '../kit/usePages';
import { WarehouseAsk } from './WarehouseAsk';

export type Warehouse = components['schemas']['WarehouseView'];

export function WarehousesDesk() {
  const { t } = useWords();
  const keeps = useMay('warehouse');
  const [opened, setOpened] = useState<Warehouse | 'new' | null>(null);
  const pages = usePages(['warehouses', 'pages'], (cursor) =>
    told(api.GET('/api/admin/warehouses', { params: { query: { cursor: cursor ?? null } } })),
  );
  return (
    <Desk
      title={t('warehouses.title')}
      intro={t('warehouses.intro')}
      actions={
        keeps ? (
          <Button variant="contained" onClick={() => setOpened('new')}>
            {t('warehouses.new')}
          </Button>
        ) : null
      }
    >
      <Part>
        <Rows
          caption={t('warehouses.title')}
          pages={pages}
          rowKey={(place) => place.warehouse_id}
          empty={t('desks.none')}
          columns={[
            { name: 'id', label: t('warehouses.id'), cell: (place) => place.warehouse_id },
            { name: 'name', label: t('products.name'), cell: (place) => place.name },
            {
              name: 'address',
              label: t('warehouses.address'),
              cell: (place) => [place.line1, `${place.postal_code} ${place.city}`.trim()].filter(Boolean).join(', '),
            },
            {
              name: 'country',
              label: t('warehouses.country'),
              cell: (place) => [place.country, place.region].filter(Boolean).join(', '),
            },
            {
              name: 'actions',
              label: t('desks.actions'),
              actions: true,
              cell: (place) =>
                keeps ? (
                  <Button onClick={() => setOpened(place)} aria-label={`${t('desks.change')}: ${place.name}`}>
                    {t('desks.change')}
                  </Button>
                ) : null,
            },
          ]}
        />
      </Part>
      {opened ? <WarehouseAsk place={opened === 'new' ? null : opened} onClose={() => setOpened(null)} /> : null}
    </Desk>
  );
}
