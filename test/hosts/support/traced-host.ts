import { createRequire } from 'node:module';

/** The instrumentation must be there before `node:http` is loaded by anybody. */
const [packages, url, host] = process.argv.slice(2) as [string, string, string];
const load = createRequire(packages);
const { NodeTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = load('@opentelemetry/sdk-trace-node');
const { registerInstrumentations } = load('@opentelemetry/instrumentation');
const { HttpInstrumentation } = load('@opentelemetry/instrumentation-http');
const { ExpressInstrumentation } = load('@opentelemetry/instrumentation-express');

const exporter = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
registerInstrumentations({ instrumentations: [new HttpInstrumentation(), new ExpressInstrumentation()] });
createRequire(import.meta.url)('node:http');

const { STREAM_HOSTS }: typeof import('../../support/adapters.js') = await import('../../support/adapters.js');
const { startCrmApp }: typeof import('../../support/crm-app.js') = await import('../../support/crm-app.js');

const [, create, writer] = STREAM_HOSTS.find(([name]) => name === host) as (typeof STREAM_HOSTS)[number];
const directStreamPath = writer.streamWriter === 'socket' ? '/notifications/stream' : null;
const crm = await startCrmApp({ url }, { adapter: create(), notifications: { ...writer, directStreamPath } });

process.on('message', async (message) => {
  if (message === 'spans') {
    const spans = exporter.getFinishedSpans() as { kind: number; attributes: Record<string, unknown> }[];
    process.send?.({ spans: spans.map(({ kind, attributes }) => ({ kind, attributes })) });
  } else {
    await crm.close();
    process.disconnect();
  }
});
process.send?.({ url: crm.url });
