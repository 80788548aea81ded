/** Whether the services can be reached at the moment: one small store that pages show as a notice. */

export type Weather = 'open' | 'offline' | 'unreachable' | 'busy';

let now: Weather = 'open';
const listeners = new Set<() => void>();

function change(to: Weather): void {
  if (to === now) return;
  now = to;
  for (const listener of listeners) listener();
}

export const weather = {
  open: () => change('open'),
  closed: (how: Exclude<Weather, 'open'>) => change(how),
  now: (): Weather => now,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

window.addEventListener('offline', () => change('offline'));
window.addEventListener('online', () => change('open'));
