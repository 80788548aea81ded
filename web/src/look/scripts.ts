/** What becomes of a page whose scripts have gone: it was opened before a new version of the front was put in place. */

const PLACE = 'waybill.reloaded';
const AGAIN_MS = 60_000;

/** Load the page anew where a script of it is gone; once, and then `Mishap` says so. Offline nothing would come of it. */
export function reloadWhereScriptsAreGone(): void {
  window.addEventListener('vite:preloadError', () => {
    if (!navigator.onLine || Date.now() - Number(sessionStorage.getItem(PLACE)) < AGAIN_MS) return;
    sessionStorage.setItem(PLACE, String(Date.now()));
    location.reload();
  });
}
