import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { Keyring } from '../../src/notifications/broker/keyring.js';
import { Incidents } from '../../src/notifications/incidents.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, type CrmApp } from '../support/crm-app.js';
import { eventually } from '../support/eventually.js';
import { NO_SWEEP, startInstances } from '../support/instances.js';
import { type PrivatePostgres, startPrivatePostgres } from '../support/postgres-server.js';
import { StreamClient } from '../support/stream-client.js';

jest.setTimeout(60_000);

const onEnd = useCleanup();

const CHANNEL = `crm_notifications_${createHash('sha256').update('postgres.notifications').digest('hex').slice(0, 32)}`;
const FORGED = '{"from":"a stranger","hints":[["","alice",null,{"type":"forged","data":{}}]]}';

/** Roles belong to a whole server, and so does what they may hear. */
describe('A role that may only connect to the database', () => {
  let server: PrivatePostgres;
  let instances: [CrmApp, CrmApp];
  let admin: pg.Client;

  beforeAll(async () => {
    server = await startPrivatePostgres();
    instances = (await startInstances(server, 2, NO_SWEEP)) as [CrmApp, CrmApp];
    admin = await connect(server.url);
    await admin.query(`
      CREATE ROLE stranger LOGIN;
      CREATE ROLE reporting LOGIN;
      GRANT USAGE ON SCHEMA notifications TO reporting;
      GRANT INSERT (payload, deliver_at) ON notifications.outbox TO reporting`);
  });

  afterEach(async () => {
    await admin.query('DELETE FROM notifications.instance WHERE protocol IS NULL');
  });

  afterAll(async () => {
    await admin.end();
    await Promise.all(instances.map((crm) => crm.close()));
    await server.dispose();
  });

  async function connect(url: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return client;
  }

  async function as(role: string): Promise<pg.Client> {
    const url = new URL(server.url);
    url.username = role;
    const client = await connect(url.href);
    onEnd(() => client.end());
    return client;
  }

  async function streamOf(crm: CrmApp, user: string): Promise<StreamClient> {
    const stream = await StreamClient.open(crm.url, await accessToken(user));
    onEnd(() => stream.close());
    return stream;
  }

  const notify = (client: pg.Client, text: string) => client.query('SELECT pg_notify($1, $2)', [CHANNEL, text]);

  const signalsAt = (stream: StreamClient) => stream.of('signal').map((frame) => frame.data.type);

  test('puts nothing into a stream: neither what it makes up, nor what it has heard and says again', async () => {
    const [first, second] = instances;
    const [stream, stranger] = [await streamOf(first, 'alice'), await as('stranger')];
    const heard: string[] = [];
    stranger.on('notification', ({ payload = '' }) => heard.push(payload));
    await stranger.query(`LISTEN ${CHANNEL}`);

    second.notifications.signal('alice', 'real');
    await eventually(() => expect(heard.some((text) => text.includes('"real"'))).toBe(true));
    const real = heard.find((text) => text.includes('"real"')) as string;
    const mac = /,"n":.*$/.exec(real)?.[0];
    await notify(stranger, FORGED);
    await notify(stranger, real);
    await notify(stranger, real.replace('"real"', '"forged"'));
    await notify(stranger, `${FORGED.slice(0, -1)}${mac}`);
    await notify(stranger, FORGED.replace(/(?<="from":)"[^"]*"/, /"from":("[^"]+")/.exec(real)?.[1] as string));

    // Messages of one channel come in their order.
    second.notifications.signal('alice', 'marker');
    await stream.until(() => signalsAt(stream).includes('marker'));
    expect(signalsAt(stream)).toEqual(['real', 'marker']);
  });

  test('is noticed by each instance, and logged once, however many messages come', async () => {
    const stranger = await as('stranger');
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
    onEnd(() => warn.mockRestore());
    for (const crm of instances) {
      const noticed = jest.spyOn(crm.app.get(Incidents), 'foreignMessage');
      await eventually(async () => {
        await notify(stranger, FORGED);
        expect(noticed).toHaveBeenCalled();
      });
      noticed.mockRestore();
    }
    warn.mockClear();
    const incidents = new Incidents();
    for (let i = 0; i < 1_000; i++) incidents.foreignMessage();
    expect(warn.mock.calls).toEqual([[expect.stringContaining('no instance of this application has signed')]]);
  });

  test('nor can one that may write to the outbox read a key, or make one', async () => {
    for (const role of ['stranger', 'reporting']) {
      const client = await as(role);
      for (const sql of [
        'SELECT * FROM notifications.broker_key',
        'INSERT INTO notifications.broker_key DEFAULT VALUES',
        'INSERT INTO notifications.instance DEFAULT VALUES',
      ]) {
        await expect(client.query(sql)).rejects.toMatchObject({ code: '42501' });
      }
    }
  });

  test('is believed that there is something to look at while an instance of the version before is alive, and no longer', async () => {
    const [crm, other] = instances;
    const [bob, carol, stranger] = [await streamOf(crm, 'bob'), await streamOf(crm, 'carol'), await as('stranger')];
    const hint = (recipient: string) => `{"from":"an old instance","hints":[["","${recipient}"]]}`;
    const change = (recipient: string) =>
      admin.query('UPDATE notifications.inbox SET revision = revision + 1 WHERE recipient_id = $1', [recipient]);
    // As the version before reports itself, and sends.
    await admin.query('INSERT INTO notifications.instance (id) VALUES (gen_random_uuid())');
    await change('bob');
    await eventually(async () => {
      await notify(stranger, FORGED.replace('alice', 'bob'));
      await notify(stranger, hint('bob'));
      expect(bob.of('state').at(-1)?.data).toMatchObject({ revision: 1 });
    });
    expect(signalsAt(bob)).toEqual([]);

    await admin.query('DELETE FROM notifications.instance WHERE protocol IS NULL');
    await eventually(() => expect(crm.app.get(Keyring).mayBeUnsigned).toBe(false), { timeoutMs: 30_000 });
    await change('carol');
    await notify(stranger, hint('carol'));
    await other.notifications.notify('carol', { type: 't', title: 'x' });
    await carol.until(() => carol.ids.length === 1 && carol.frames.at(-1)?.event === 'state');
    const events = carol.frames.map(({ event }) => event).filter((event) => event !== 'ping');
    expect(events).toEqual(['ready', 'message', 'state']);
  });
});
