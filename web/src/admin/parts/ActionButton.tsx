import Button, { type ButtonProps } from '@mui/material/Button';
import { type ReactNode, useState } from 'react';
import { ActionDialog, type ActionDialogProps } from './ActionDialog';

type Props<Answer> = Omit<ActionDialogProps<Answer>, 'onClose'> & {
  label: string;
  icon?: ReactNode;
  variant?: ButtonProps['variant'];
  color?: ButtonProps['color'];
  size?: ButtonProps['size'];
  disabled?: boolean;
};

/** A button that asks before it acts; the dialog gives the focus back to it. */
export function ActionButton<Answer>({ label, icon, variant = 'outlined', color, size, disabled, ...dialog }: Props<Answer>) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button
        variant={variant}
        color={color}
        size={size}
        startIcon={icon}
        disabled={disabled}
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
      >
        {label}
      </Button>
      {isOpen && <ActionDialog {...dialog} color={color} onClose={() => setOpen(false)} />}
    </>
  );
}
