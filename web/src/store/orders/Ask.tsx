import type { ReactNode } from 'react';
import { Problem } from '../../api/problem';
import { useWords } from '../../words/words';
import { Dialog } from '../parts/Dialog';
import { Failure } from '../parts/Note';
import type { Order } from './useOrder';

export interface Asking {
  order: Order;
  /** Closed without a word, or with what was done. */
  onClose: (said?: string) => void;
}

interface Props extends Asking {
  title: string;
  children: ReactNode;
  /** What the button says that does it. */
  doIt: string;
  danger?: boolean;
  disabled?: boolean;
  pending: boolean;
  error: unknown;
  onSubmit: () => void;
}

/** A question about an order, with what became of the answer; typed input stays when the shop refuses. */
export function Ask({ order, onClose, title, children, doIt, danger, disabled, pending, error, onSubmit }: Props) {
  const { t } = useWords();
  const moved = error instanceof Problem && [409, 412].includes(error.status);
  return (
    <Dialog title={title} onClose={() => onClose()}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!pending && !disabled) onSubmit();
        }}
      >
        {children}
        {error != null && <Failure error={error} focused />}
        {moved && <p>{t('order.now', { status: t(`status.${order.status}`) })}</p>}
        <div className="sheet-foot">
          <button type="button" className="button quiet" onClick={() => onClose()}>
            {t('action.leave')}
          </button>
          <button type="submit" className={danger ? 'button danger' : 'button primary'} disabled={pending || disabled}>
            {pending ? t('action.sending') : doIt}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Something to tell the shop in one's own words. */
export function Words({
  label,
  value,
  onChange,
  most = 500,
}: {
  label: string;
  value: string;
  onChange: (text: string) => void;
  most?: number;
}) {
  const { t } = useWords();
  return (
    <div className="field">
      <label htmlFor="words">
        {label} <span className="soft">({t('form.optional')})</span>
      </label>
      <textarea id="words" rows={3} maxLength={most} value={value} onChange={(event) => onChange(event.target.value)} />
    </div>
  );
}
