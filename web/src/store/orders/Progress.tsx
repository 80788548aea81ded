import { useWords } from '../../words/words';
import { stepOf } from './facts';

/** A row of steps; those that were taken are marked, and said to screen readers. */
export function Steps({ names, reached, label }: { names: string[]; reached: number; label: string }) {
  const { t } = useWords();
  return (
    <ol className="steps" aria-label={label}>
      {names.map((name, at) => (
        <li key={name} className={at <= reached ? 'done' : ''} aria-current={at === reached ? 'step' : undefined}>
          {name}
          <span className="unseen">{at <= reached ? t('steps.done') : t('steps.to_come')}</span>
        </li>
      ))}
    </ol>
  );
}

/** How far an order has come. */
export function Progress({ status }: { status: string }) {
  const { t } = useWords();
  const step = stepOf(status);
  if (step === null) return null;
  const names = ['placed', 'confirmed', 'sent', 'delivered'].map((name) => t(`steps.${name}`));
  return <Steps names={names} reached={step} label={t('steps.title')} />;
}
