import { useQuery } from '@tanstack/react-query';
import { api, told } from '../../../api/client';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Choice } from './Choice';
import { Field } from './Field';

export function useWarehouses() {
  const enabled = useMay('warehouse', 'auditor');
  return useQuery({
    queryKey: ['warehouses', 'all'],
    queryFn: () => told(api.GET('/api/admin/warehouses', { params: { query: { limit: 200 } } })),
    enabled,
    retry: false,
    staleTime: 60_000,
  });
}

/** A warehouse: chosen from the list by those who may see it, typed by others. */
export function WarehouseChoice({
  value,
  set,
  any = false,
  label,
  fault,
  full = false,
}: {
  value: string;
  set: (value: string) => void;
  any?: boolean;
  label?: string;
  fault?: string | undefined;
  full?: boolean;
}) {
  const { t } = useWords();
  const warehouses = useWarehouses();
  const name = label ?? t('desks.warehouse');
  if (!warehouses.data) {
    return <Field label={name} value={value} set={set} fault={fault} fullWidth={full} sx={{ minWidth: 180 }} />;
  }
  const known = warehouses.data.items.map((one) => ({ value: one.warehouse_id, label: one.name }));
  const rest = value && !known.some((one) => one.value === value) ? [{ value, label: value }] : [];
  return (
    <Choice
      label={name}
      value={value}
      set={set}
      full={full}
      error={Boolean(fault)}
      {...(fault ? { help: fault } : {})}
      of={[...(any ? [{ value: '', label: t('desks.all') }] : []), ...known, ...rest]}
    />
  );
}
