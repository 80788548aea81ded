import { Component, type ReactNode } from 'react';
import { useWords } from '../words/words';

function Told() {
  const { t } = useWords();
  return (
    <main id="main" className="page narrow">
      <h1>{t('mishap.title')}</h1>
      <p role="alert">{t('mishap.text')}</p>
      <div>
        <button type="button" className="button primary" onClick={() => location.reload()}>
          {t('mishap.reload')}
        </button>
      </div>
    </main>
  );
}

interface Props {
  /** The address: another one is tried anew. */
  place: string;
  children: ReactNode;
}

/** Says that a page cannot be shown, where it fails or its script cannot be loaded, in place of showing nothing at all. */
export class Mishap extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError = () => ({ failed: true });

  override componentDidUpdate(before: Props): void {
    if (this.state.failed && before.place !== this.props.place) this.setState({ failed: false });
  }

  override render(): ReactNode {
    return this.state.failed ? <Told /> : this.props.children;
  }
}
