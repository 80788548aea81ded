import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// Two fronts from one source: the storefront (with customer area and tracking) and the admin panel. Each is a build of its own:
// built together they share chunks, and a customer's phone would load parts that only the admin panel needs.
// The gateway puts a fresh nonce into each page it serves, in place of this expression; styles are the only thing it is for.
const nonce = '{{placeholder `http.request.uuid`}}';

const pages = { store: 'index.html', admin: 'admin/index.html' };

export default defineConfig(({ mode }) => ({
  envDir: false,
  plugins: [
    react(),
    {
      name: 'nonce-of-the-gateway',
      // As the gateway does: every address of the admin panel is its one page.
      configureServer: (server) => {
        server.middlewares.use((request, _, next) => {
          if (/^\/admin(\/[^.]*)?(\?|$)/.test(request.url ?? '')) request.url = '/admin/index.html';
          next();
        });
      },
      transformIndexHtml: { order: 'post', handler: (html) => html.replaceAll('NONCE-OF-THE-GATEWAY', nonce) },
    },
  ],
  build: {
    target: 'es2022',
    outDir: process.env.WAYBILL_WEB_OUT ?? 'dist',
    emptyOutDir: false,
    copyPublicDir: mode !== 'admin',
    reportCompressedSize: false,
    assetsInlineLimit: 0, // the content security policy knows no data: addresses
    modulePreload: { polyfill: false },
    rolldownOptions: { input: { [mode]: pages[mode as keyof typeof pages] ?? pages.store } },
    chunkSizeWarningLimit: 1200,
  },
  server: {
    // A running `./waybill up` answers everything but the pages.
    proxy: Object.fromEntries(
      ['/api', '/sim', '/openapi', '/web-settings.json'].map((path) => [
        path,
        process.env.WAYBILL_URL ?? 'http://127.0.0.1:8080',
      ]),
    ),
  },
  test: { include: ['src/**/*.test.ts', 'src/**/*.test.tsx'] },
}));
