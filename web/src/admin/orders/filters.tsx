import { BooleanInput, DateInput, NumberInput, SelectInput, TextInput } from 'react-admin';
import { AmountInput } from '../parts/AmountInput';
import { AXES, HOLD_REASONS, STATUSES } from './states';

/** The filters of the list, as react-admin's filter form takes them; the labels are texts of the catalogue. */
export function filtersOf(t: (key: string) => string) {
  const choices = (before: string, values: readonly string[]) => values.map((id) => ({ id, name: t(`${before}.${id}`) }));
  return [
    <SelectInput key="status" source="status" label="orders.field.status" choices={choices('status', STATUSES)} alwaysOn />,
    <TextInput key="product_id" source="product_id" label="orders.field.product_id" alwaysOn />,
    <DateInput key="day_from" source="day_from" label="orders.field.day_from" />,
    <DateInput key="day_to" source="day_to" label="orders.field.day_to" />,
    <TextInput key="user_id" source="user_id" label="orders.field.user_id" />,
    ...Object.entries(AXES).map(([axis, values]) => (
      <SelectInput key={axis} source={axis} label={`orders.field.${axis}`} choices={choices(axis, values)} />
    )),
    <SelectInput key="hold" source="hold_reason" label="orders.field.hold_reason" choices={choices('hold', HOLD_REASONS)} />,
    <BooleanInput key="held" source="held" label="orders.field.held" />,
    <BooleanInput key="stuck" source="stuck" label="orders.field.stuck" />,
    <NumberInput key="stuck_minutes" source="stuck_minutes" label="orders.field.stuck_minutes" min={0} />,
    <AmountInput key="amount_from" source="amount_from" label="orders.field.amount_from" />,
    <AmountInput key="amount_to" source="amount_to" label="orders.field.amount_to" />,
    <TextInput
      key="currency"
      source="currency"
      label="orders.field.currency"
      parse={(text) => text.toUpperCase().slice(0, 3)}
    />,
    <NumberInput key="risk_from" source="risk_from" label="orders.field.risk_from" min={0} max={100} />,
    <NumberInput key="risk_to" source="risk_to" label="orders.field.risk_to" min={0} max={100} />,
  ];
}
