/** The pick list: what to take from which warehouse's shelves, for which parcels; made to be printed. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useEffect } from 'react';
import { useWords } from '../../../words/words';
import { Bar, Desk } from '../kit/Desk';
import { Refusal } from '../kit/Refusal';
import { Waiting } from '../kit/Rows';
import { Moment, shortName } from '../kit/refs';
import { sheet } from '../kit/sheet';
import { useChoice } from '../kit/useChoice';
import { WarehouseChoice } from '../kit/WarehouseChoice';
import { useWork } from './useWork';
import { pickList } from './work';

const MOST = 200;

export function PickList() {
  const { t } = useWords();
  const [warehouse, setWarehouse] = useChoice('warehouse');
  const pages = useWork('planned', warehouse, MOST);
  const { more, loadingMore, error } = pages;
  useEffect(() => {
    if (more && !loadingMore && !error) more(); // a pick list is whole or no use
  }, [more, loadingMore, error]);
  const walks = pickList(pages.rows);
  const whole = !pages.loading && !more;
  return (
    <Desk
      title={t('picks.title')}
      intro={t('picks.intro')}
      actions={
        <Button variant="contained" onClick={() => window.print()} disabled={!whole || !walks.length}>
          {t('picks.print')}
        </Button>
      }
    >
      <Bar label={t('desks.filters')}>
        <WarehouseChoice value={warehouse} set={setWarehouse} any />
      </Bar>
      <Refusal error={error} again={pages.again} />
      {(pages.loading || more) && !error ? <Waiting /> : null}
      {whole && !walks.length && !error ? <Typography>{t('shipping.all_done')}</Typography> : null}
      {whole
        ? walks.map((walk) => (
            <Box component="section" key={walk.warehouse_id} sx={{ mb: 4, breakAfter: 'page' }} className="printed">
              <Typography variant="h2">
                {t('picks.walk', { warehouse: walk.warehouse_id, units: walk.units, parcels: walk.parcels })}
              </Typography>
              <Typography variant="body2" sx={{ color: 'text.secondary', mb: 1 }}>
                <Moment at={new Date().toISOString()} />
              </Typography>
              <Box component="table" aria-label={walk.warehouse_id} sx={sheet}>
                <thead>
                  <tr>
                    <th scope="col">{t('desks.sku')}</th>
                    <th scope="col" className="numeric">
                      {t('picks.units')}
                    </th>
                    <th scope="col">{t('picks.parcels')}</th>
                  </tr>
                </thead>
                <tbody>
                  {walk.picks.map((pick) => (
                    <tr key={pick.product_id}>
                      <td data-label={t('desks.sku')}>☐ {pick.product_id}</td>
                      <td data-label={t('picks.units')} className="numeric">
                        <strong>{pick.units}</strong>
                      </td>
                      <td data-label={t('picks.parcels')}>
                        {pick.parcels.map((parcel) => `${parcel.units} → ${shortName(parcel.shipment_id)}`).join(', ')}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </Box>
            </Box>
          ))
        : null}
    </Desk>
  );
}
