import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, useId } from 'react';

interface Around {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
}

function Frame({
  id,
  label,
  hint,
  error,
  optional,
  className = '',
  children,
}: Around & { id: string; optional?: string | undefined; className?: string | undefined; children: ReactNode }) {
  return (
    <div className={`field ${className}`}>
      <label htmlFor={id}>
        {label} {optional && <span className="soft">({optional})</span>}
      </label>
      {children}
      {hint && (
        <p id={`${id}-hint`} className="hint">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="field-error">
          {error}
        </p>
      )}
    </div>
  );
}

const described = (id: string, { hint, error }: Around) =>
  [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined;

/** A field with its label, its hint and what is wrong with it; all of them are read out together. */
export function Field({
  label,
  hint,
  error,
  optional,
  className,
  ...input
}: Around & { optional?: string } & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <Frame {...{ id, label, hint, error, optional, className }}>
      <input
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={described(id, { label, hint, error })}
        {...input}
      />
    </Frame>
  );
}

/** A field to choose from a list. */
export function Choice({
  label,
  hint,
  error,
  className,
  children,
  ...select
}: Around & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId();
  return (
    <Frame {...{ id, label, hint, error, className }}>
      <select
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={described(id, { label, hint, error })}
        {...select}
      >
        {children}
      </select>
    </Frame>
  );
}
