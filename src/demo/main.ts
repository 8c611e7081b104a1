import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { EmbeddedPostgresError } from '../embedded-postgres/embedded-postgres.js';
import { Terminal } from './announcements/terminal.js';
import { appModule } from './app.module.js';
import { acceptCsv } from './contacts/contacts.controller.js';
import { openCrmDatabase } from './database/crm-database.js';
import { notificationsSchema, postgresUrl } from './database/postgres.js';
import { AccessTokens } from './login/access-tokens.js';
import { jwtSecret } from './login/jwt-secret.js';
import './notification-types.js';
import { servePage } from './page.js';
import { readSettings } from './settings.js';
import { StartError } from './start-error.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

async function main(): Promise<void> {
  // Until the application listens to them: a signal without a listener would leave the embedded Postgres behind.
  const leave = () => process.exit(0);
  for (const signal of SIGNALS) process.on(signal, leave);

  const { port, broker } = readSettings(process.env);
  const dataSource = await openCrmDatabase(await postgresUrl());
  const tokens = new AccessTokens(await jwtSecret(dataSource));
  const app = await NestFactory.create<NestExpressApplication>(
    appModule({ dataSource, tokens, broker, schema: notificationsSchema() }),
    // Browsers open connections ahead of need, and send nothing on them: a server that waits for those waits a minute.
    { logger: ['warn', 'error', 'fatal'], abortOnError: false, forceCloseConnections: true },
  );
  app.enableShutdownHooks(SIGNALS, { useProcessExit: true });
  for (const signal of SIGNALS) process.off(signal, leave);

  await servePage(app);
  acceptCsv(app);
  const listensOn = await listen(app, port);
  console.log(`The CRM demo is on http://localhost:${listensOn} - lines typed here go to everybody as announcements.`);
  app.get(Terminal).start();
}

/** Not `app.listen()`, which logs an error of its own beside the one that it throws. */
async function listen(app: NestExpressApplication, port: number): Promise<number> {
  await app.init();
  const server: Server = app.getHttpServer();
  server.listen(port);
  try {
    await once(server, 'listening');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? `Port ${port} is in use` : `Can't listen on port ${port} (${message})`;
    throw new StartError(`${why}: end what listens there, or choose another port, as in PORT=3001 npm start.`, {
      cause,
    });
  }
  return (server.address() as AddressInfo).port;
}

// Nothing is closed first: the exit ends the connections, and the embedded Postgres unless another process uses it.
main().catch((error: unknown) => {
  const isSelfExplanatory = error instanceof StartError || error instanceof EmbeddedPostgresError;
  console.error(isSelfExplanatory ? error.message : error);
  process.exit(1);
});
