import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { build, stop } from 'esbuild';
import type { NextFunction, Request, Response } from 'express';
import { nameBrowser } from './lab/browser-id.js';
import { packageRoot } from './package-root.js';

const HEADERS = {
  'Content-Security-Policy': "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

const HTML = 'text/html; charset=utf-8';

interface PageFile {
  type: string;
  etag: string;
  content: Uint8Array;
}

/**
 * Serves the page, bundled anew from its TypeScript at every start: what is in the browser is what is in the directory.
 * It loads nothing from elsewhere and has no inline script, and browsers hold it to that.
 */
export async function servePage(app: NestExpressApplication): Promise<void> {
  const files = await readPage();
  app.disable('x-powered-by');
  app.use((request: Request, response: Response, next: NextFunction) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const file = request.method === 'GET' || request.method === 'HEAD' ? files.get(request.path) : undefined;
    if (!file) return next();
    // Asked for every time, and answered with 304 as long as it is the same.
    response.set({ 'Content-Type': file.type, 'Cache-Control': 'no-cache', ETag: file.etag });
    if (file.type === HTML) nameBrowser(request, response);
    response.send(file.content);
  });
}

async function readPage(): Promise<Map<string, PageFile>> {
  // The build for Node leaves it out, and `dist` has no copy of it.
  const directory = join(packageRoot(), 'src', 'demo', 'page');
  const [html, icon, { outputFiles }] = await Promise.all([
    readFile(join(directory, 'index.html')),
    readFile(join(directory, 'icon.svg')),
    build({
      entryPoints: [join(directory, 'main.ts'), join(directory, 'style.css')],
      bundle: true,
      write: false,
      outdir: '/',
      format: 'esm',
      target: 'es2022',
      minify: true,
      sourcemap: 'linked',
      logLevel: 'silent',
    }),
  ]);
  // Its process is needed no more.
  await stop();
  const page = pageFile(HTML, html);
  const files = new Map([
    ['/', page],
    ['/side-by-side', page],
    ['/icon.svg', pageFile('image/svg+xml', icon)],
  ]);
  for (const { path, contents } of outputFiles) files.set(`/${basename(path)}`, pageFile(typeOf(path), contents));
  return files;
}

function pageFile(type: string, content: Uint8Array): PageFile {
  // A Buffer, because Express sends any other Uint8Array as JSON.
  return { type, content: Buffer.from(content), etag: `"${createHash('sha256').update(content).digest('base64url')}"` };
}

function typeOf(path: string): string {
  if (path.endsWith('.js')) return 'text/javascript; charset=utf-8';
  return path.endsWith('.css') ? 'text/css; charset=utf-8' : 'application/json';
}
