import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

/** The demo CRM of this repository: `npm start`. */
const CRM = process.env.CRM_URL ?? 'http://localhost:3000';
const repository = fileURLToPath(new URL('..', import.meta.url));

export default defineConfig({
  // Each example its own: two servers that share one make each other start over.
  cacheDir: 'node_modules/.vite',
  plugins: [vue({ template: { compilerOptions: { isCustomElement: (tag) => tag === 'notification-bell' } } })],
  server: {
    proxy: { '/login': CRM, '/notifications': CRM },
    fs: { allow: [repository] },
  },
  preview: { proxy: { '/login': CRM, '/notifications': CRM } },
  // A project that has installed the package needs none of these: here its source takes its place.
  resolve: {
    alias: {
      'nestjs-crm-notifications/client': `${repository}src/client/index.ts`,
      'nestjs-crm-notifications/element': `${repository}src/client/element/index.ts`,
    },
  },
});
