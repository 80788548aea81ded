import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import '../testing';
import { reloadWhereScriptsAreGone } from './scripts';

const reload = vi.fn();
const gone = () => window.dispatchEvent(new Event('vite:preloadError'));

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('location', { reload });
  vi.stubGlobal('window', new EventTarget());
  reload.mockClear();
  sessionStorage.clear();
  reloadWhereScriptsAreGone();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('a page whose script is gone is loaded anew once, and again for the next version', () => {
  gone();
  gone();
  expect(reload).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(3_600_000);
  gone();
  expect(reload).toHaveBeenCalledTimes(2);
});

it('a page without a network stays as it is', () => {
  vi.stubGlobal('navigator', { onLine: false });
  gone();
  expect(reload).not.toHaveBeenCalled();
});
