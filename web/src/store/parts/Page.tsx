import { type ReactNode, useEffect, useRef } from 'react';
import { useWords } from '../../words/words';

let opened = false;
let wentBack = false;
window.addEventListener('popstate', () => {
  wentBack = true;
});

/**
 * A page with its heading. Whoever comes to it from another page is put to the heading, so that keyboards and screen readers start
 * where the eye does; the way back keeps the place the browser remembers.
 */
export function Page({
  title,
  children,
  narrow,
  lead,
}: {
  title: string;
  children: ReactNode;
  narrow?: boolean;
  lead?: ReactNode;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { t } = useWords();

  useEffect(() => {
    document.title = `${title} · ${t('shop.name')}`;
  }, [title, t]);

  useEffect(() => {
    const taken = heading.current?.closest('main')?.contains(document.activeElement); // by something more urgent on this page
    if (opened && !taken) heading.current?.focus({ preventScroll: true });
    if (opened && !wentBack) window.scrollTo(0, 0);
    opened = true;
    wentBack = false;
  }, []);

  return (
    <main id="main" className={narrow ? 'page narrow' : 'page'}>
      <div className="page-head">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {lead}
      </div>
      {children}
    </main>
  );
}
