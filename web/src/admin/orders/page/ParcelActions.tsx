import ExpandMore from '@mui/icons-material/ExpandMore';
import Button from '@mui/material/Button';
import Menu from '@mui/material/Menu';
import MenuItem from '@mui/material/MenuItem';
import { useRef, useState } from 'react';
import { useNotify } from 'react-admin';
import { download } from '../../../api/client';
import { useProblemText } from '../../../words/useProblemText';
import { useWords } from '../../../words/words';
import { ActionDialog } from '../../parts/ActionDialog';
import { ParcelLabel } from './ParcelLabel';
import { type ParcelAction, parcelActions, sendParcelAction } from './parcel';
import { Units } from './Units';
import { type Order, type Shipment, useReread } from './useOrder';

interface Props {
  order: Order;
  parcel: Shipment;
  number: number;
  version: string | null;
}

/** What can be done with a parcel as it stands: the next step as a button, the rest in a menu. */
export function ParcelActions({ order, parcel, number, version }: Props) {
  const { t } = useWords();
  const say = useProblemText();
  const notify = useNotify();
  const reread = useReread(order.order_id);
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const [action, setAction] = useState<ParcelAction | null>(null);
  const more = useRef<HTMLButtonElement>(null);
  const next = useRef<HTMLButtonElement>(null);
  const [first, ...others] = parcelActions(order, parcel);

  const begin = (chosen: ParcelAction) => {
    setAnchor(null);
    if (chosen !== 'open_label') return setAction(chosen);
    const path = `/api/admin/orders/${order.order_id}/shipments/${parcel.shipment_id}/label`;
    download(path, `label-${parcel.tracking_number ?? number}.pdf`, 'application/pdf').catch((error) =>
      notify(say(error), { type: 'error' }),
    );
  };
  const end = () => {
    setAction(null);
    (more.current ?? next.current ?? document.querySelector('h1'))?.focus();
  };
  const fields = {
    dispatch: [
      { name: 'carrier', label: t('shipments.carrier'), help: t('parcel.dispatch.help'), maxLength: 100 },
      { name: 'tracking_number', label: t('shipments.tracking_number'), maxLength: 100 },
    ],
    hold: [{ name: 'reason', label: t('order.reason'), required: true, maxLength: 100 }],
    move: [{ name: 'warehouse_id', label: t('parcel.move.to'), help: t('parcel.move.help'), required: true, maxLength: 32 }],
  } as const;

  return (
    <>
      {first && (
        <Button ref={next} size="small" variant="outlined" aria-haspopup="dialog" onClick={() => begin(first)}>
          {t(`parcel.${first}`)}
        </Button>
      )}
      {others.length > 0 && (
        <Button
          ref={more}
          size="small"
          endIcon={<ExpandMore />}
          aria-haspopup="menu"
          aria-expanded={anchor !== null}
          aria-label={t('parcel.more.of', { number })}
          onClick={(event) => setAnchor(event.currentTarget)}
        >
          {t('parcel.more')}
        </Button>
      )}
      <Menu anchorEl={anchor} open={anchor !== null} onClose={() => setAnchor(null)}>
        {others.map((one) => (
          <MenuItem key={one} onClick={() => begin(one)}>
            {t(`parcel.${one}`)}
          </MenuItem>
        ))}
      </Menu>
      {action === 'label' && <ParcelLabel order={order} parcel={parcel} onClose={end} />}
      {action !== null && action !== 'label' && (
        <ActionDialog
          title={t(`parcel.${action}.title`, { number })}
          text={t(`parcel.${action}.text`)}
          confirm={t(`parcel.${action}`)}
          draft={`parcel.${action}.${parcel.shipment_id}`}
          fields={fields[action as keyof typeof fields]}
          send={(values, intention) => sendParcelAction(action, order, parcel, values, intention, version)}
          done={() => {
            reread();
            return `parcel.${action}.done`;
          }}
          refresh={reread}
          onClose={end}
        >
          {(values, change) =>
            action === 'split' && <Units lines={parcel.lines} order={order} values={values} onChange={change} />
          }
        </ActionDialog>
      )}
    </>
  );
}
