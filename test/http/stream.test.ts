import { ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { BadRequestException } from '@nestjs/common';
import { NotificationsError } from '../../src/notifications/notifications.error.js';
import type { NotificationsOptions } from '../../src/notifications/notifications.options.js';
import { eventually } from '../support/eventually.js';
import { ADAPTERS, HttpApp } from './support/http-app.js';
import { openStream } from './support/stream.js';

const STREAM = '/notifications/stream';

describe.each(ADAPTERS)('the event stream on %s', (adapter) => {
  let app: HttpApp;

  afterEach(() => app.close());

  async function start(options: NotificationsOptions = {}): Promise<void> {
    const authenticate = () => ({ recipient: 'ann', tenant: 'acme' });
    app = await HttpApp.start({
      adapter,
      options: { authenticate, streamToken: { secret: 'a secret for tokens' }, ...options },
    });
  }

  function cursor(): string | undefined {
    return (app.service.calls[0] as { argument: { lastEventId?: string } }).argument.lastEventId;
  }

  test('carries the frames of the service under their own ids, with headers against caches and proxies', async () => {
    await start();
    app.service.streamEvents = (subscriber) => subscriber.next({ id: '42', data: '{"id":42}' });
    const { response, until, close } = await openStream(app, STREAM);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(response.headers.get('cache-control')).toContain('no-store');
    expect(response.headers.get('cache-control')).toContain('no-transform');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect(response.headers.get('referrer-policy')).toBe('no-referrer');
    expect(await until('data: {"id":42}')).toContain(
      'event: ready\nid: 41\ndata: {"lastId":41}\n\nid: 42\ndata: {"id":42}\n\n',
    );
    close();
    await eventually(() => expect(app.service.open).toBe(0));
  });

  test('the service gets the raw response, by whose socket it paces the stream', async () => {
    await start();
    const { close } = await openStream(app, STREAM);
    const { recipient, argument } = app.service.calls[0] ?? {};
    expect(recipient).toEqual({ tenant: 'acme', id: 'ann' });
    const { response } = argument as { response: ServerResponse };
    expect(response).toBeInstanceOf(ServerResponse);
    expect(response.writableNeedDrain).toBe(false);
    close();
  });

  test.each<[string, Record<string, string>, string | undefined]>([
    ['', {}, undefined],
    ['', { 'Last-Event-ID': '41' }, '41'],
    ['?lastEventId=40', {}, '40'],
    ['?lastEventId=40', { 'Last-Event-ID': '41' }, '41'],
    ['?lastEventId=40', { 'Last-Event-ID': '' }, '40'],
    ['?lastEventId=40', { 'Last-Event-ID': 'x' }, 'x'],
    ['?lastEventId=', {}, undefined],
    ['', { 'Last-Event-ID': '' }, undefined],
    ['?lastEventId=drop%20table', {}, 'drop table'],
    ['?lastEventId=1&lastEventId=2', {}, 'malformed'],
    ['?lastEventId=&lastEventId=', {}, 'malformed'],
  ])('%s with %j goes on from %j', async (query, headers, expected) => {
    await start();
    const { response, close } = await openStream(app, STREAM + query, headers);
    expect(response.status).toBe(200);
    close();
    expect(cursor()).toBe(expected);
  });

  test('a repeated Last-Event-ID is a cursor that no inbox has', async () => {
    await start();
    const headers = new Headers([
      ['Last-Event-ID', '1'],
      ['Last-Event-ID', '2'],
    ]);
    const response = await app.fetch(STREAM, { headers });
    expect(response.status).toBe(200);
    await response.body?.cancel();
    expect(cursor()).not.toMatch(/^\d{1,15}$/);
  });

  test.each([
    ['a record', { 'X-Region': 'eu' }],
    ['a function', ({ headers }: { headers: Record<string, unknown> }) => ({ 'X-Region': String(headers['x-from']) })],
  ])('streamHeaders as %s are on the stream, and on nothing else', async (_, streamHeaders) => {
    await start({ streamHeaders });
    const { response, close } = await openStream(app, STREAM, { 'X-From': 'eu' });
    expect(response.headers.get('x-region')).toBe('eu');
    expect(response.headers.get('cache-control')).toContain('no-store');
    close();
    expect((await app.fetch('/notifications')).headers.get('x-region')).toBeNull();
  });

  test('streamHeaders that fail get 500 and a log line without credentials; nothing is left open', async () => {
    await start({
      streamHeaders: ({ headers }) => {
        throw new Error(`no region for ${headers.authorization}`);
      },
    });
    const response = await app.fetch(STREAM, { headers: { Authorization: 'Bearer opaque-secret-token' } });
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ statusCode: 500, error: 'Internal Server Error' });
    expect(app.log.join('\n')).toContain('streamHeaders failed');
    expect(app.log.join('\n')).not.toContain('opaque-secret-token');
    expect(app.service.open).toBe(0);
  });

  test.each([
    ['an invalid value', 'a\r\nSet-Cookie: x=1'],
    ['no value', undefined],
    ['Latin-1, which Node sends now so, now so', 'Zoë'],
    ['what is no Latin-1', '好'],
  ])('streamHeaders with %s never reach the wire, and the log says why', async (_, value) => {
    await start({ streamHeaders: () => ({ 'X-Region': value as string }) });
    const response = await app.fetch(STREAM);
    expect(app.log.join('\n')).toMatch(/streamHeaders failed.*X-Region/s);
    expect(response.status).toBe(500);
    expect(response.headers.get('set-cookie')).toBeNull();
    expect(app.service.open).toBe(0);
  });

  test.each<[what: string, give: () => unknown]>([
    ['a promise', async () => ({ 'X-Region': 'eu' })],
    // Unless somebody handles it, it ends the process.
    ['a promise that is rejected', () => Promise.reject(new Error('no region'))],
    ['a Map', () => new Map([['X-Region', 'eu']])],
    ['Headers', () => new Headers([['X-Region', 'eu']])],
    ['null', () => null],
    ['a list', () => [['X-Region', 'eu']]],
    ['a value that is null', () => ({ 'X-Region': null })],
    ['a value that is an object', () => ({ 'X-Region': {} })],
    ['what the stream says for itself', () => ({ 'Cache-Control': 'public' })],
  ])('streamHeaders that give %s: 500, and the log says why', async (_, give) => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      await start({ streamHeaders: give as () => Record<string, string> });
      const response = await app.fetch(STREAM);
      expect(response.status).toBe(500);
      expect(app.log.join('\n')).toMatch(/streamHeaders failed.*(plain object|no string|for the stream itself)/s);
      expect(app.service.open).toBe(0);
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  test('an HttpException of streamHeaders passes unchanged', async () => {
    await start({
      streamHeaders: () => {
        throw new BadRequestException('no region');
      },
    });
    expect((await app.fetch(STREAM)).status).toBe(400);
  });

  test('HEAD answers the headers, opens no stream and gives the connection back', async () => {
    await start();
    for (let i = 0; i < 3; i++) {
      const response = await app.fetch(STREAM, { method: 'HEAD' });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
      expect(await response.text()).toBe('');
    }
    expect(app.service.calls).toEqual([]);
    expect(app.service.open).toBe(0);
    expect((await app.fetch(`${STREAM}?token=bad`, { method: 'HEAD' })).status).toBe(401);
  });

  test('an error before the first frame is a status, not an event', async () => {
    await start();
    app.service.failure = new NotificationsError('TOO_MANY_STREAMS_OF_RECIPIENT', 'You have 20 streams.');
    const response = await app.fetch(STREAM);
    expect(response.status).toBe(429);
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toEqual({
      statusCode: 429,
      error: 'Too Many Requests',
      message: 'You have 20 streams.',
    });
  });

  test('other methods have no route', async () => {
    await start();
    expect((await app.fetch(STREAM, { method: 'POST' })).status).toBe(404);
  });
});
