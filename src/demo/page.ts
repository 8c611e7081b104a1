import { fileURLToPath } from 'node:url';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';

const DIRECTORY = fileURLToPath(new URL('./public', import.meta.url));
const HEADERS = {
  'Content-Security-Policy': "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

/** Serves the page at `/`. It loads nothing from elsewhere and has no inline script, and browsers hold it to that. */
export function servePage(app: NestExpressApplication): void {
  app.disable('x-powered-by');
  app.use((_: Request, response: Response, next: NextFunction) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    next();
  });
  app.useStaticAssets(DIRECTORY);
}
