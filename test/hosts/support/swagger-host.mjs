// A host on the built package, with a global ValidationPipe and @nestjs/swagger. Tells what its start has logged, its OpenAPI
// document and what a validator says of that, and how it answers, as one line of JSON.
import 'reflect-metadata';
import { Module, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Validator } from '@seriousme/openapi-schema-validator';
import { NotificationsModule } from 'nestjs-crm-notifications';
import { DataSource } from 'typeorm';

const warnings = [];
const note = (...parts) => void warnings.push(parts.map(String).join(' '));
const logger = { log() {}, debug() {}, verbose() {}, warn: note, error: note, fatal: note };

class AppModule {}
const dataSource = new DataSource({ type: 'postgres', url: process.env.DATABASE_URL });
const options = {
  dataSource,
  authenticate: () => ({ recipient: 'ann' }),
  streamToken: { secret: 'a secret for stream tokens' },
};
Module({ imports: [NotificationsModule.forRoot(options)] })(AppModule);

const app = await NestFactory.create(AppModule, { logger, abortOnError: false });
app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true, forbidNonWhitelisted: true }));
const document = SwaggerModule.createDocument(app, new DocumentBuilder().setTitle('CRM').setVersion('1').build());
await app.listen(0, '127.0.0.1');

const url = await app.getUrl();
const headers = { 'content-type': 'application/json' };
const call = async (method, path, body) => {
  const answer = await fetch(`${url}/notifications${path}`, { method, headers, body: body && JSON.stringify(body) });
  return [method, path, answer.status];
};
const answers = [
  await call('GET', '?limit=5&unread=true'),
  await call('GET', '/unread-count'),
  await call('POST', '/read', { upTo: 1 }),
  await call('PATCH', '/7', { read: true }),
  await call('DELETE', '/7'),
  await call('POST', '/stream-token'),
];
await app.close();
const validity = await new Validator().validate(structuredClone(document));
console.log(JSON.stringify({ warnings, document, validity, answers }));
