import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import ts from 'typescript';
import { freePort } from '../../src/embedded-postgres/free-port.js';
import { useCleanup } from '../support/cleanup.js';
import { createMigratedDatabase } from '../support/crm-app.js';
import { blocks } from '../support/documents.js';
import { eventually } from '../support/eventually.js';
import { spawnTs } from '../support/run-ts.js';
import { StreamClient } from '../support/stream-client.js';
import { describeWithPackages } from './support/describe-with-packages.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const BLOCKS = blocks(['docs/recipes.md']).filter(({ language }) => language === 'ts');

/** What the page takes for granted, as the reader's own. */
const AROUND = {
  'users.ts': `
    export interface User { id: string }
    export const findUser = async (name: string, password: string): Promise<User | undefined> =>
      password === 'secret' ? { id: name } : undefined;
    export const findUserById = async (id: string): Promise<User> => {
      if (id === 'lost') throw new Error('The database of the host is down');
      return { id };
    };`,
  'exporter.ts': `
    export { ConsoleSpanExporter } from '@opentelemetry/sdk-trace-node';
    import { ConsoleSpanExporter } from '@opentelemetry/sdk-trace-node';
    export const exporter = new ConsoleSpanExporter();`,
  'start.ts': `
    import { createRequire } from 'node:module';
    await import('./tracing.js');
    createRequire(import.meta.url)('node:http');
    await import('./main.js');`,
};

/** The blocks of the page by the file names that they begin with. */
function filesOfThePage(): [name: string, code: string][] {
  return BLOCKS.flatMap(({ code }) => {
    const name = /^\/\/ ([\w.-]+\.ts)\b/.exec(code)?.[1];
    return name === undefined ? [] : [[name, code]];
  });
}

/** A folder of links to all that is in the `node_modules` of others; of two the last wins. */
async function link(directory: string, others: string[]): Promise<void> {
  const targets = new Map<string, string>();
  for (const other of others) {
    for (const { name } of await readdir(join(other, 'node_modules'), { withFileTypes: true })) {
      const path = join(other, 'node_modules', name);
      const names = name.startsWith('@') ? (await readdir(path)).map((inner) => join(name, inner)) : [name];
      for (const each of names) targets.set(each, join(other, 'node_modules', each));
    }
  }
  for (const [name, target] of targets) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await symlink(target, join(directory, name));
  }
}

await describeWithPackages('middleware', 'docs/recipes.md', (packages) => {
  const cleanUp = useCleanup();
  const files = [...filesOfThePage(), ...Object.entries(AROUND)];

  async function write(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'ncn-recipes-'));
    cleanUp(() => rm(directory, { recursive: true }));
    await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
    for (const [name, code] of files) await writeFile(join(directory, name), code);
    return directory;
  }

  test('compiles: each block is a file', async () => {
    expect(files.map(([name]) => name)).toContain('main.ts');
    expect(filesOfThePage()).toHaveLength(BLOCKS.length);
    const directory = await write();
    const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile);
    await link(join(directory, 'node_modules'), [packages.directory, ROOT]);
    const { options } = ts.convertCompilerOptionsFromJson(
      {
        ...config.compilerOptions,
        noEmit: true,
        rootDir: '/',
        preserveSymlinks: true,
        typeRoots: [join(ROOT, 'node_modules/@types')],
        paths: { 'nestjs-crm-notifications': [join(ROOT, 'src/notifications/index.ts')] },
      },
      ROOT,
    );
    const program = ts.createProgram(
      files.map(([name]) => join(directory, name)),
      options,
    );
    const problems = ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
      const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
      return `${file?.fileName}:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
    expect(problems).toEqual([]);
  }, 120_000);

  test('runs: by cookie and by token, and no token is written down', async () => {
    const database = await createMigratedDatabase();
    cleanUp(() => database.drop());
    const directory = await write();
    const port = await freePort();
    const hooks = new URL('./support/recipe-loader-register.mjs', import.meta.url);
    const host = spawnTs(join(directory, 'start.ts'), [], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NODE_OPTIONS: `--import ${hooks.href}`,
        RECIPE_FOLDERS: JSON.stringify([ROOT, packages.directory]),
        DATABASE_URL: database.url,
        PORT: String(port),
        SESSION_SECRET: 'a secret for sessions',
        STREAM_TOKEN_SECRET: 'a secret for stream tokens',
      },
    });
    cleanUp(() => host.kill('SIGKILL'));
    let output = '';
    for (const stream of [host.stdout, host.stderr] as Readable[]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const exited = once(host, 'exit');
    const url = `http://127.0.0.1:${port}`;
    const call = (path: string, init?: RequestInit) => fetch(`${url}${path}`, init);
    await eventually(
      async () => {
        if (host.exitCode !== null) throw new Error(output);
        expect((await call('/session')).status).toBe(401);
      },
      { timeoutMs: 60_000 },
    ).catch((error) => {
      throw new Error(output, { cause: error });
    });

    const body = (password: string, username = 'ann') => new URLSearchParams({ username, password });
    expect((await call('/session', { method: 'POST', body: body('wrong') })).status).toBe(401);
    const signedIn = await call('/session', { method: 'POST', body: body('secret') });
    expect([signedIn.status, await signedIn.json()]).toEqual([201, { id: 'ann' }]);
    expect(signedIn.headers.get('content-security-policy')).toContain("connect-src 'self' https://api.example.com");
    const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? '';
    expect((await call('/notifications')).status).toBe(401);
    expect(await (await call('/notifications', { headers: { cookie } })).json()).toMatchObject({
      items: [],
      unread: 0,
    });

    const issued = await call('/notifications/stream-token', { method: 'POST', headers: { cookie } });
    const { token } = (await issued.json()) as { token: string };
    const clients = [
      new StreamClient(`${url}/notifications/stream`, { headers: { cookie } }),
      new StreamClient(`${url}/notifications/stream?token=${token}`),
    ];
    for (const client of clients) {
      cleanUp(() => client.close());
      await client.until(() => client.of('ready').length === 1 || client.ended);
      expect(client.status).toBe(200);
    }

    // Who can't be found because a database is down gets 500, and the process goes on.
    const lost = await call('/session', { method: 'POST', body: body('secret', 'lost') });
    const lostCookie = lost.headers.get('set-cookie')?.split(';')[0] ?? '';
    expect((await call('/session', { headers: { cookie: lostCookie } })).status).toBe(500);
    expect(await (await call('/session', { headers: { cookie } })).json()).toEqual({ id: 'ann' });

    expect((await call('/session', { method: 'DELETE', headers: { cookie } })).status).toBe(200);
    for (const client of clients) {
      await client.until(() => client.ended);
      expect(client.of('close').map(({ data }) => data)).toEqual([{ reason: 'revoked', reconnect: false }]);
    }
    for (const query of ['', `?token=${token}`]) {
      expect((await call(`/notifications/stream${query}`, { headers: { cookie } })).status).toBe(401);
    }
    const again = await call('/session', { method: 'POST', body: body('secret') });
    const last = new StreamClient(`${url}/notifications/stream`, {
      headers: { cookie: again.headers.get('set-cookie')?.split(';')[0] ?? '' },
    });
    cleanUp(() => last.close());
    await last.until(() => last.of('ready').length === 1 || last.ended);
    host.kill('SIGTERM');
    await last.until(() => last.of('close').length === 1);
    await exited;

    // A line of pino, one of morgan, and a span.
    expect(output).toContain('"url":"/notifications/stream?token=[…]"');
    expect(output).toContain('GET /notifications/stream?token=[…] HTTP/1.1');
    expect(output).toContain("'url.query': 'token=REDACTED'");
    expect(output).not.toContain(token.split('.')[2]);
    expect(output).not.toContain(decodeURIComponent(cookie.split('=')[1] ?? ''));
    expect(output).not.toContain('ERR_HTTP_HEADERS_SENT');
  }, 120_000);
});
