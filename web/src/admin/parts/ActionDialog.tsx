import Alert from '@mui/material/Alert';
import Button, { type ButtonProps } from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import Stack from '@mui/material/Stack';
import Typography from '@mui/material/Typography';
import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { useNotify } from 'react-admin';
import { Problem } from '../../api/problem';
import { useProblemText } from '../../words/useProblemText';
import { useWords } from '../../words/words';
import { ActionField, type FieldSpec } from './ActionField';
import { useDraft, type Values } from './useDraft';
import { useIntention } from './useIntention';

export interface ActionDialogProps<Answer> {
  title: string;
  text?: ReactNode;
  fields?: readonly FieldSpec[];
  /** Names the draft: `cancel.ORDER_ID`. What was typed is kept under it until it is sent. */
  draft: string;
  confirm: string;
  color?: ButtonProps['color'];
  /** Sends it. `intention` goes into the header Idempotency-Key. */
  send: (values: Values, intention: string) => Promise<Answer>;
  /** Told what came back; answers what the person is told (a text of the catalogue), or nothing. */
  done?: (answer: Answer) => string | undefined;
  /** The thing has changed meanwhile (409, 412): show it as it is now. */
  refresh?: () => void;
  onClose: () => void;
  /** What goes beyond plain fields, over the same values. */
  children?: (values: Values, change: (field: string, value: string) => void, failure: Problem | null) => ReactNode;
}

const initialOf = (fields: readonly FieldSpec[]): Values =>
  Object.fromEntries(fields.map((field) => [field.name, field.initial ?? '']));

/** Asks before something is done, with what must be known for it. A refusal is told as a sentence, and the input stays. */
export function ActionDialog<Answer>(props: ActionDialogProps<Answer>) {
  const { title, text, fields = [], draft, confirm, color = 'primary', send, done, refresh, onClose, children } = props;
  const { t } = useWords();
  const say = useProblemText();
  const notify = useNotify();
  const id = useId();
  const alert = useRef<HTMLDivElement>(null);
  const [values, change, forget] = useDraft(draft, initialOf(fields));
  const [missing, setMissing] = useState<ReadonlySet<string>>(new Set());
  const { send: intend, isSending, failure } = useIntention<Answer>();
  const problem = failure instanceof Problem ? failure : null;

  useEffect(() => {
    if (failure) alert.current?.focus();
  }, [failure]);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    event.stopPropagation();
    const empty = fields.filter((field) => field.required && !values[field.name]?.trim()).map((field) => field.name);
    setMissing(new Set(empty));
    if (empty.length > 0) {
      document.getElementById(`${id}-${empty[0]}`)?.focus();
      return;
    }
    let answered = false;
    const answer = await intend([draft, values], async (key) => {
      const told = await send(values, key);
      answered = true;
      return told;
    });
    if (!answered) {
      refresh?.();
      return;
    }
    forget();
    const words = done?.(answer as Answer);
    if (words) notify(words, { type: 'success', autoHideDuration: 6000 });
    onClose();
  };

  const isStale = problem !== null && (problem.status === 409 || problem.status === 412);
  return (
    <Dialog open onClose={isSending ? undefined : onClose} fullWidth maxWidth="sm" aria-labelledby={`${id}-title`}>
      <form onSubmit={submit} noValidate>
        <DialogTitle id={`${id}-title`} variant="h2" component="h2">
          {title}
        </DialogTitle>
        <DialogContent>
          <Stack spacing={2} sx={{ pt: 0.5 }}>
            {text && (
              <Typography component="div" color="text.secondary">
                {text}
              </Typography>
            )}
            {failure !== null && (
              <Alert ref={alert} severity="error" tabIndex={-1} sx={{ outline: 'none' }}>
                {say(failure)}
                {isStale && refresh && ` ${t('action.refreshed')}`}
              </Alert>
            )}
            {fields.map((field, at) => (
              <ActionField
                key={field.name}
                id={`${id}-${field.name}`}
                spec={field}
                value={values[field.name] ?? ''}
                error={missing.has(field.name) ? t('action.required') : problem?.of(field.name)}
                autoFocus={at === 0}
                onChange={(value) => change(field.name, value)}
              />
            ))}
            {children?.(values, change, problem)}
          </Stack>
        </DialogContent>
        <DialogActions sx={{ px: 3, pb: 2.5 }}>
          <Button onClick={onClose} disabled={isSending} color="inherit">
            {t('action.back')}
          </Button>
          <Button type="submit" variant="contained" color={color} loading={isSending} autoFocus={fields.length === 0}>
            {confirm}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
