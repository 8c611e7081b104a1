import type { INestApplication } from '@nestjs/common';
import { Hub } from '../../src/notifications/stream/hub.js';

interface Cuttable {
  options: { output: { destroy(): void } };
}

/** Cuts a recipient's streams off without a word, as when their instance dies: `closeAllConnections()` doesn't know them. */
export function cutStreams(app: INestApplication, recipient: string, tenant = ''): void {
  const streams = app.get(Hub, { strict: false }).streamsOf({ tenant, recipient });
  for (const stream of streams) (stream as unknown as Cuttable).options.output.destroy();
}
