/** Edit rules as a list of cards: each kind has its own fields, and the order can be changed by keyboard. */
import Add from '@mui/icons-material/Add';
import ArrowDownward from '@mui/icons-material/ArrowDownward';
import ArrowUpward from '@mui/icons-material/ArrowUpward';
import DeleteOutline from '@mui/icons-material/DeleteOutlined';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Checkbox from '@mui/material/Checkbox';
import FormControlLabel from '@mui/material/FormControlLabel';
import FormGroup from '@mui/material/FormGroup';
import IconButton from '@mui/material/IconButton';
import Paper from '@mui/material/Paper';
import Switch from '@mui/material/Switch';
import Typography from '@mui/material/Typography';
import { useState } from 'react';
import type { Problem } from '../../../api/problem';
import { useWords } from '../../../words/words';
import { Choice } from './Choice';
import { Field } from './Field';
import { MoneyField } from './MoneyField';
import { NumberField } from './NumberField';
import { blankRule, type Input, type Kinds, moved, type Rule, typedList } from './rules';
import { needed } from './typed';

interface Props {
  kinds: Kinds;
  rules: Rule[];
  set: (rules: Rule[]) => void;
  /** The currency of amounts. */
  currency: string;
  readOnly: boolean;
  refusal: Problem | null;
  ranked?: boolean;
}

export function RuleList({ kinds, rules, set, currency, readOnly, refusal, ranked = false }: Props) {
  const { t } = useWords();
  const [kind, setKind] = useState(Object.keys(kinds)[0] ?? '');
  const change = (place: number, rule: Rule) => set(rules.map((one, other) => (other === place ? rule : one)));
  return (
    <div>
      <Box component="ol" sx={{ listStyle: 'none', p: 0, m: 0, display: 'grid', gap: 1.5 }}>
        {rules.map((rule, place) => {
          const name = t(`rule.${rule.kind}`);
          const named = (text: string) => `${text}: ${place + 1}. ${name}`;
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: rules have no name but their place
            <Paper component="li" variant="outlined" key={place} sx={{ p: 2, opacity: rule.active === false ? 0.75 : 1 }}>
              <Box sx={{ display: 'flex', alignItems: 'center', gap: 0.5, flexWrap: 'wrap', mb: 1.5 }}>
                <Typography variant="h3" component="h3" sx={{ flex: '1 1 10rem' }}>
                  {place + 1}. {name}
                </Typography>
                <FormControlLabel
                  control={
                    <Switch
                      checked={rule.active !== false}
                      disabled={readOnly}
                      onChange={(event) => change(place, { ...rule, active: event.target.checked })}
                      slotProps={{ input: { 'aria-label': named(t('rules.active')) } }}
                    />
                  }
                  label={t('rules.active')}
                />
                {readOnly ? null : (
                  <>
                    {ranked ? (
                      <>
                        <IconButton
                          aria-label={named(t('ra.action.move_up'))}
                          disabled={place === 0}
                          onClick={() => set(moved(rules, place, -1))}
                        >
                          <ArrowUpward />
                        </IconButton>
                        <IconButton
                          aria-label={named(t('ra.action.move_down'))}
                          disabled={place === rules.length - 1}
                          onClick={() => set(moved(rules, place, 1))}
                        >
                          <ArrowDownward />
                        </IconButton>
                      </>
                    ) : null}
                    <IconButton
                      aria-label={named(t('rules.remove'))}
                      onClick={() => set(rules.filter((_, other) => other !== place))}
                    >
                      <DeleteOutline />
                    </IconButton>
                  </>
                )}
              </Box>
              <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'repeat(auto-fill, minmax(min(100%, 12rem), 1fr))' }}>
                {(kinds[String(rule.kind)] ?? []).map((input) => (
                  <RuleInput
                    key={input.name}
                    input={input}
                    value={rule[input.name]}
                    set={(value) => change(place, { ...rule, [input.name]: value })}
                    currency={currency}
                    readOnly={readOnly}
                    fault={refusal?.of(`rules.${place}.${input.name}`)}
                  />
                ))}
              </Box>
            </Paper>
          );
        })}
      </Box>
      {readOnly ? null : (
        <Box sx={{ display: 'flex', gap: 1.5, mt: 2, flexWrap: 'wrap', alignItems: 'center' }}>
          <Choice
            label={t('rules.kind')}
            value={kind}
            set={setKind}
            of={Object.keys(kinds).map((value) => ({ value, label: t(`rule.${value}`) }))}
          />
          <Button startIcon={<Add />} onClick={() => set([...rules, blankRule(kind, kinds[kind] ?? [])])}>
            {t('rules.add')}
          </Button>
        </Box>
      )}
    </div>
  );
}

function RuleInput({
  input,
  value,
  set,
  currency,
  readOnly,
  fault,
}: {
  input: Input;
  value: unknown;
  set: (value: unknown) => void;
  currency: string;
  readOnly: boolean;
  fault: string | undefined;
}) {
  const { t } = useWords();
  const label = t(`parameter.${input.name}`);
  if (input.as === 'number' || input.as === 'money') {
    const field = {
      label,
      value: (value as number | undefined) ?? null,
      set: (next: number | null) => set(needed(next)),
      fault,
      disabled: readOnly,
    };
    return input.as === 'number' ? <NumberField {...field} /> : <MoneyField {...field} currency={currency} />;
  }
  if (input.as === 'one of') {
    return (
      <Choice
        label={label}
        value={String(value ?? input.usual)}
        set={set}
        of={input.of.map((one) => ({ value: one, label: t(`parameter.${input.name}.${one}`) }))}
        error={Boolean(fault)}
        {...(fault ? { help: fault } : {})}
        full
      />
    );
  }
  if (input.as === 'some of') {
    const chosen = (value as string[] | undefined) ?? [...input.of];
    return (
      <FormGroup row role="group" aria-label={label}>
        {input.of.map((one) => (
          <FormControlLabel
            key={one}
            label={t(`parameter.${input.name}.${one}`)}
            control={
              <Checkbox
                checked={chosen.includes(one)}
                disabled={readOnly}
                onChange={(event) =>
                  set(input.of.filter((other) => (other === one ? event.target.checked : chosen.includes(other))))
                }
              />
            }
          />
        ))}
      </FormGroup>
    );
  }
  return (
    <ListInput
      label={label}
      value={(value as string[]) ?? []}
      set={set}
      upper={input.upper ?? false}
      fault={fault}
      readOnly={readOnly}
    />
  );
}

/** A list typed as text; it is read when the field is left, so that half a word is never taken for one. */
function ListInput({
  label,
  value,
  set,
  upper,
  fault,
  readOnly,
}: {
  label: string;
  value: string[];
  set: (value: string[]) => void;
  upper: boolean;
  fault: string | undefined;
  readOnly: boolean;
}) {
  const [text, setText] = useState<string | null>(null);
  return (
    <Field
      label={label}
      value={text ?? value.join('\n')}
      set={setText}
      onBlur={() => {
        if (text !== null) set(typedList(text, upper));
        setText(null);
      }}
      fault={fault}
      disabled={readOnly}
      multiline
      maxRows={6}
    />
  );
}
