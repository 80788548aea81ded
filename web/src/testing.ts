/** What of a browser the sources need when they are loaded, for tests that run without one; imported before them. */

/** As a browser's storage: what is kept are its own properties. */
class Places {
  [key: string]: unknown;
  getItem(key: string) {
    return Object.hasOwn(this, key) ? this[key] : null;
  }
  setItem(key: string, value: string) {
    this[key] = value;
  }
  removeItem(key: string) {
    delete this[key];
  }
  clear() {
    for (const key of Object.keys(this)) delete this[key];
  }
}

const put = (name: string, value: unknown) => Object.defineProperty(globalThis, name, { value, configurable: true });

put('window', new EventTarget());
put('document', Object.assign(new EventTarget(), { hidden: false }));
put('navigator', { onLine: true, languages: ['en-GB'] });
put('sessionStorage', new Places());
put('localStorage', new Places());
