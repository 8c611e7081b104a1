import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { BuiltPackage } from './support/built-package.js';
import { describeWithPackages } from './support/describe-with-packages.js';

const HOST = fileURLToPath(new URL('support/swagger-host.mjs', import.meta.url));

// biome-ignore lint/suspicious/noExplicitAny: JSON of a document
type Json = any;

await describeWithPackages('swagger', 'A host with a global ValidationPipe and @nestjs/swagger', (packages) => {
  let built: BuiltPackage;
  let database: TestDatabase;
  let host: { warnings: string[]; document: Json; validity: Json; answers: Json };

  beforeAll(async () => {
    built = await BuiltPackage.beside(packages);
    database = await createMigratedDatabase();
    const output = await built.run(HOST, { DATABASE_URL: database.url });
    host = JSON.parse(output.trim().split('\n').at(-1) ?? '');
  }, 300_000);

  afterAll(async () => {
    await built?.delete();
    await database?.drop();
  });

  test('starts without a warning, and answers what it was asked', () => {
    expect(host.warnings).toEqual([]);
    expect(host.answers).toEqual([
      ['GET', '?limit=5&unread=true', 200],
      ['GET', '/unread-count', 200],
      ['POST', '/read', 200],
      ['PATCH', '/7', 404],
      ['DELETE', '/7', 200],
      ['POST', '/stream-token', 200],
    ]);
  });

  test('has a valid OpenAPI document', () => {
    expect(host.validity).toEqual({ valid: true });
  });

  test('whose routes have their parameters, bodies and answers, with types', () => {
    const operations = Object.entries<Json>(host.document.paths).flatMap(([path, methods]) =>
      Object.entries<Json>(methods).map(([method, operation]) => {
        const { parameters = [], requestBody, responses } = operation;
        const named = parameters.map(
          (each: Json) => `${each.in} ${each.name}${each.required ? '!' : ''}: ${each.schema.type}`,
        );
        const body = requestBody?.content['application/json'].schema;
        const fields = (body?.oneOf ?? [body ?? {}]).flatMap((each: Json) => Object.keys(each.properties ?? {}));
        const [[type, { schema }]] = Object.entries<Json>(responses[200].content) as [[string, Json]];
        const answer = schema.properties ? Object.keys(schema.properties).join(' ') : `${type}: ${schema.type}`;
        return [`${method} ${path}`, named, fields, answer];
      }),
    );
    const numbers = 'lastId unread revision';
    expect(operations).toEqual([
      [
        'get /notifications/stream',
        ['query token: string', 'query lastEventId: string', 'header Last-Event-ID: string'],
        [],
        'text/event-stream: string',
      ],
      [
        'get /notifications',
        ['query limit: integer', 'query before: integer', 'query unread: boolean', 'query type: string'],
        [],
        `items nextBefore ${numbers}`,
      ],
      ['get /notifications/unread-count', [], [], numbers],
      ['patch /notifications/{id}', ['path id!: integer'], ['read'], numbers],
      ['delete /notifications/{id}', ['path id!: integer'], [], numbers],
      ['post /notifications/read', [], ['ids', 'upTo'], numbers],
      ['post /notifications/stream-token', [], [], 'token expiresAt'],
    ]);
    const errors = Object.keys(host.document.paths['/notifications/{id}'].patch.responses);
    expect(errors).toEqual(['200', '400', '401', '403', '404', '429', '503']);
  });
});
