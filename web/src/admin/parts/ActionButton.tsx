import Button, { type ButtonProps } from '@mui/material/Button';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { ActionDialog, type ActionDialogProps } from './ActionDialog';

type Props<Answer> = Omit<ActionDialogProps<Answer>, 'onClose'> & {
  label: string;
  icon?: ReactNode;
  variant?: ButtonProps['variant'];
  color?: ButtonProps['color'];
  size?: ButtonProps['size'];
  /** Whether it can be done now. A dialog that is open stays when that ends, with what was typed and why it was refused. */
  available?: boolean;
};

/** A button that asks before it acts. The focus comes back to it, or to the page's heading where it is gone by then. */
export function ActionButton<Answer>(props: Props<Answer>) {
  const { label, icon, variant = 'outlined', color, size, available = true, ...dialog } = props;
  const [isOpen, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(false);

  useEffect(() => {
    if (wasOpen.current && !isOpen) {
      const heading = document.querySelector<HTMLElement>('h1');
      (button.current ?? heading)?.focus();
    }
    wasOpen.current = isOpen;
  }, [isOpen]);

  return (
    <>
      {available && (
        <Button
          ref={button}
          variant={variant}
          color={color}
          size={size}
          startIcon={icon}
          aria-haspopup="dialog"
          onClick={() => setOpen(true)}
        >
          {label}
        </Button>
      )}
      {isOpen && <ActionDialog {...dialog} color={color} onClose={() => setOpen(false)} />}
    </>
  );
}
