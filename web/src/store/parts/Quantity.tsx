import { useEffect, useState } from 'react';
import { useWords } from '../../words/words';

const MOST = 999;

/** How many of something: typed, or by one more and one less. */
export function Quantity({
  value,
  onChange,
  name,
  least = 1,
  most = MOST,
  disabled,
}: {
  value: number;
  onChange: (value: number) => void;
  name: string;
  least?: number;
  most?: number;
  disabled?: boolean;
}) {
  const { t } = useWords();
  const [typed, setTyped] = useState(String(value));
  useEffect(() => setTyped(String(value)), [value]);

  const settle = () => {
    const number = Number(typed);
    const settled = Number.isInteger(number) ? Math.min(most, Math.max(least, number)) : value;
    setTyped(String(settled));
    if (settled !== value) onChange(settled);
  };

  return (
    <fieldset className="quantity" disabled={disabled}>
      <legend className="unseen">{t('quantity.of', { name })}</legend>
      <button
        type="button"
        aria-label={t('quantity.less', { name })}
        disabled={value <= least}
        onClick={() => onChange(value - 1)}
      >
        −
      </button>
      <input
        inputMode="numeric"
        aria-label={t('quantity.of', { name })}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={settle}
        onKeyDown={(event) => {
          if (event.key !== 'Enter') return;
          event.preventDefault();
          settle();
        }}
      />
      <button
        type="button"
        aria-label={t('quantity.more', { name })}
        disabled={value >= most}
        onClick={() => onChange(value + 1)}
      >
        +
      </button>
    </fieldset>
  );
}
