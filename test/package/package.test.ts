import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EventSource } from 'eventsource';
import { accessToken, createMigratedDatabase, JWT_SECRET, startCrmApp } from '../support/crm-app.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { linksIn } from '../support/documents.js';
import { eventually } from '../support/eventually.js';
import { registryAnswers } from '../support/npm-registry.js';
import { specifiersIn, undocumentedIn } from './declarations.js';
import { HostProject } from './host-project.js';
import { PublishedPackage } from './published-package.js';

const HOSTS = [
  {
    host: 'Nest 12, ESM, TypeORM 1.1, the newest peers',
    settings: 'nest-12',
    otherResolutions: [['--module', 'esnext', '--moduleResolution', 'bundler']],
  },
  {
    host: 'Nest 11, CommonJS, TypeORM 0.3, the oldest peers',
    settings: 'nest-11',
    otherResolutions: [['--module', 'nodenext']],
  },
];

// One file for all of it: packing builds lib/ in the checkout, which two workers must not do at once.
let published: PublishedPackage;

beforeAll(async () => {
  published = await PublishedPackage.pack();
}, 300_000);

afterAll(async () => {
  await published?.delete();
});

describe('The published package', () => {
  test('holds what users need and nothing else', () => {
    const compiled = /^lib\/(esm|cjs)\/.+\.(js|js\.map|d\.ts)$/;
    const documents = /^docs\/([\w-]+\.md|screenshots\/[\w-]+\.png)$|^bench\/results\/[\w-]+\.svg$|^examples\//;
    const others = published.files.filter((file) => !compiled.test(file) && !documents.test(file));
    const pages = ['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'SECURITY.md'];
    expect(others).toEqual([...pages, 'lib/cjs/package.json', 'package.json']);
  });

  test('has what its documents link to', () => {
    const dead = published.files
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) => linksIn(published.read(file)).map((link) => [file, link.replace(/#.*/, '')] as const))
      .filter(([file, path]) => path !== '' && !isPacked(join(dirname(file), path)));
    expect(dead).toEqual([]);
  });

  test('leads to files that exist, whatever the condition', () => {
    const { main, types, exports, typesVersions } = published.manifest;
    const paths = [main, types, ...leavesOf(exports), ...leavesOf(typesVersions)];
    expect(paths.filter((path) => !published.has(path))).toEqual([]);
  });

  test('has the types of each entry point for `moduleResolution: node`, too, which does not know `exports`', () => {
    const { exports, typesVersions } = published.manifest;
    const entries = Object.keys(exports).filter((name) => !['.', './package.json'].includes(name));
    const named = Object.entries<string[]>(typesVersions['*']);
    expect(named.map(([name]) => `./${name}`).sort()).toEqual(entries.sort());
    for (const [name, paths] of named) {
      const { types, require } = exports[`./${name}`];
      expect(paths).toEqual([types ?? require.types]);
    }
  });

  test('imports nothing but Node and what it declares', () => {
    const { dependencies, peerDependencies } = published.manifest;
    const declared = new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies)]);
    const undeclared = importsOf(/\.(js|d\.ts)$/).filter(({ file, specifier }) =>
      specifier.startsWith('.')
        ? !published.has(join(dirname(file), specifier))
        : !isBuiltin(specifier) && !declared.has(packageOf(specifier)),
    );
    expect(undeclared).toEqual([]);
  });

  test('requires no dependency that is ESM only, which Jest in CommonJS could not load', () => {
    const required = new Set(importsOf(/^lib\/cjs\/.+\.js$/).map(({ specifier }) => packageOf(specifier)));
    expect(Object.keys(published.manifest.dependencies).filter((name) => required.has(name))).toEqual(['cors']);
  });

  test.each([
    'esm/notifications/index',
    'cjs/notifications/index',
    'esm/client/index',
    'cjs/client/index',
    'esm/client/element/index',
  ])('brings the documentation of everything public along (%s)', (entry) => {
    expect(undocumentedIn(published.path(`lib/${entry}.d.ts`))).toEqual([]);
  });

  test('has a client that needs nothing, and an element that needs lit alone', () => {
    const needs = (files: RegExp) => [
      ...new Set(
        importsOf(files)
          .filter(({ specifier }) => !specifier.startsWith('.'))
          .map(({ specifier }) => packageOf(specifier)),
      ),
    ];
    expect(needs(/^lib\/(esm|cjs)\/client\/[\w-]+\.js$/)).toEqual([]);
    expect(needs(/^lib\/esm\/client\/element\/.+\.js$/)).toEqual(['lit']);
  });

  test('says of every route which types its parameters have, as what Nest compiles itself does', () => {
    for (const build of ['esm', 'cjs']) {
      const scripts = ['inbox.controller', 'stream.controller'].map((name) =>
        published.read(`lib/${build}/notifications/http/${name}.js`),
      );
      const routes = scripts.join('\n').match(/__decorate\(\[[^;]*?, "\w+", null\);/gs) ?? [];
      expect(routes).toHaveLength(7);
      for (const route of routes) expect(route).toContain('__metadata("design:paramtypes", [');
      expect(routes.filter((route) => route.includes(':id'))).toEqual(
        Array(2).fill(expect.stringMatching(/"design:paramtypes", \[Object, String/)),
      );
    }
  });

  test('has source maps that contain the sources', () => {
    const bundles = ['lib/cjs/notifications/http/jose.js'];
    const scripts = published.files.filter((file) => file.endsWith('.js') && !bundles.includes(file));
    expect(published.files.filter((file) => file.endsWith('.map'))).toEqual(scripts.map((file) => `${file}.map`));
    for (const script of scripts) {
      expect(JSON.parse(published.read(`${script}.map`)).sourcesContent).toEqual([expect.any(String)]);
    }
  });
});

const installable = process.env.REQUIRE_SERVICES === '1' || (await registryAnswers());
if (!installable) console.warn('SKIPPED: hosts of the package. The npm registry is out of reach: nothing to install.');

(installable ? describe : describe.skip)('The published package in a host', () => {
  const projects = new Map<string, HostProject>();

  beforeAll(async () => {
    const create = async (settings: string) => {
      projects.set(settings, await HostProject.crm(settings, published.tarball));
    };
    await Promise.all(HOSTS.map(({ settings }) => create(settings)));
  }, 600_000);

  afterAll(async () => {
    await Promise.all([...projects.values()].map((project) => project.delete()));
  });

  describe.each(HOSTS)('with $host', ({ settings, otherResolutions }) => {
    let project: HostProject;
    let database: TestDatabase;
    let env: { DATABASE_URL: string; JWT_SECRET: string };

    // This alone proves that it compiles: with `strict`, without `skipLibCheck`, and with spec/registered.ts.
    beforeAll(async () => {
      project = projects.get(settings) as HostProject;
      await project.script('build');
      database = await createTestDatabase();
      env = { DATABASE_URL: database.url, JWT_SECRET };
    }, 300_000);

    afterAll(async () => {
      await database?.drop();
    });

    test('has its types for other ways of resolving modules too', async () => {
      for (const flags of otherResolutions) await project.script('build', ['--noEmit', '--skipLibCheck', ...flags]);
    }, 300_000);

    test("works in the host's own Jest", async () => {
      await project.script('test', [], env);
    }, 300_000);

    test('brings to an EventSource what is sent directly, in a transaction and to everybody', async () => {
      await project.script('migrate', [], env);
      const program = await project.start({ ...env, AUTO_MIGRATE: 'false' });
      const call = caller(program.firstLine, await accessToken('alice'));
      try {
        const { token } = await call('POST', '/notifications/stream-token');
        const source = new EventSource(`${program.firstLine}/notifications/stream?token=${token}`);
        const events: string[] = [];
        for (const type of ['ready', 'message', 'close']) {
          source.addEventListener(type, ({ data }) => events.push(JSON.parse(data).title ?? type));
        }
        await eventually(() => expect(events).toEqual(['ready']));

        expect(await call('PUT', '/deals/acme/owner', { ownerId: 'alice' })).toMatchObject({ status: 'queued' });
        await eventually(() => expect(events.at(-1)).toBe('acme is yours now'));
        expect(await call('PUT', '/deals/locked/owner', { ownerId: 'alice' })).toMatchObject({ statusCode: 500 });
        expect(await call('POST', '/deals/acme/reminders')).toMatchObject({ status: 'delivered' });
        await eventually(() => expect(events.at(-1)).toBe('acme is waiting'));
        expect(await call('POST', '/announcements', { title: 'Closed on Friday' })).toMatchObject({
          status: 'delivered',
        });
        await eventually(() => expect(events.at(-1)).toBe('Closed on Friday'));
        expect(await call('POST', '/notifications/read', { upTo: 2 })).toMatchObject({ unread: 1 });

        await Promise.all([program.terminate(), eventually(() => expect(events.at(-1)).toBe('close'))]);
        source.close();
        expect(events).toEqual(['ready', 'acme is yours now', 'acme is waiting', 'Closed on Friday', 'close']);
      } finally {
        program.kill();
      }
    }, 120_000);
  });

  test.each([
    ['node', ['--module', 'commonjs', '--moduleResolution', 'node10']],
    ['nodenext', ['--module', 'nodenext']],
  ])(
    'has the types of its brokers for `moduleResolution: %s`',
    async (_, resolution) => {
      const project = projects.get('nest-11') as HostProject;
      const flags = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2021', ...resolution];
      await project.node('node_modules/typescript/bin/tsc', ...flags, 'brokers/brokers.ts');
    },
    120_000,
  );
});

(installable ? describe : describe.skip)('The published package in a front end without Nest and TypeORM', () => {
  let project: HostProject;

  beforeAll(async () => {
    project = await HostProject.frontEnd(published.tarball);
  }, 300_000);

  afterAll(async () => {
    await project?.delete();
  });

  test('compiles strictly, with the declarations of the library', async () => {
    expect(project.has('node_modules/nestjs-crm-notifications')).toBe(true);
    expect(['@nestjs/common', 'typeorm', 'rxjs'].filter((name) => project.has(`node_modules/${name}`))).toEqual([]);
    await project.script('build:browser');
    await project.script('build:script');
    for (const module of ['esnext', 'commonjs']) {
      const resolution = ['--module', module, '--moduleResolution', 'node10', '--ignoreDeprecations', '6.0'];
      await project.script('build:browser', resolution);
    }
  }, 120_000);

  test('follows an inbox from a script in Node', async () => {
    await project.script('build:script');
    const database = await createMigratedDatabase();
    const crm = await startCrmApp(database);
    try {
      await crm.notifications.notify('alice', { type: 't', title: 'before' });
      const url = `${crm.url}/notifications`;
      const output = project.node('dist/watch.js', url, await accessToken('alice'));
      // It has said that it is live.
      const isMarked = async () => expect(await crm.notifications.unreadCount('alice')).toMatchObject({ unread: 0 });
      await eventually(isMarked, { timeoutMs: 20_000 });
      await crm.notifications.notify('alice', { type: 't', title: 'first' });
      await crm.notifications.notify('alice', { type: 't', title: 'second' });
      expect((await output).trim().split('\n')).toEqual(['live, 1 unread', 'first', 'second']);
    } finally {
      await crm.close();
      await database.drop();
    }
  }, 60_000);

  test('loads in CommonJS', async () => {
    const program =
      "const { createInbox } = require('nestjs-crm-notifications/client'); console.log(typeof createInbox)";
    expect(await project.node('--input-type=commonjs', '--eval', program)).toBe('function\n');
  }, 60_000);
});

/** A file of the package, or a folder of it. */
function isPacked(path: string): boolean {
  return published.files.some((file) => file === path || file.startsWith(`${path}/`));
}

function leavesOf(exports: unknown): string[] {
  return typeof exports === 'string' ? [exports] : Object.values(exports as object).flatMap(leavesOf);
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function importsOf(files: RegExp): { file: string; specifier: string }[] {
  return published.files
    .filter((file) => files.test(file))
    .flatMap((file) => specifiersIn(published.read(file)).map((specifier) => ({ file, specifier })));
}

/** Calls a host and returns the JSON that it answers, whatever the status. */
function caller(url: string, token: string) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return async (method: string, path: string, body: object = {}): Promise<Record<string, unknown>> => {
    const response = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) });
    return (await response.json()) as Record<string, unknown>;
  };
}
