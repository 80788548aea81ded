/** The start page: the work that waits for the person's roles, the figures of the shop, and how the services keep up. */
import { usePerson } from '../../../session/usePerson';
import { useWords } from '../../../words/words';
import { useMay } from '../../roles';
import { Desk } from '../kit/Desk';
import { Health } from './Health';
import { RunningOut } from './RunningOut';
import { Sales } from './Sales';
import { WaitingWork } from './WaitingWork';

export function StartPage() {
  const { t } = useWords();
  const person = usePerson();
  const seesFigures = useMay('support', 'finance', 'auditor');
  const seesStock = useMay('support', 'warehouse', 'finance', 'auditor');
  const seesHealth = useMay('support', 'auditor');
  return (
    <Desk title={t('start.title', { name: person?.name ?? '' })}>
      <WaitingWork />
      {seesFigures ? <Sales /> : null}
      {seesStock ? <RunningOut /> : null}
      {seesHealth ? <Health /> : null}
    </Desk>
  );
}
