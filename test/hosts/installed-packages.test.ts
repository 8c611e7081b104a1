import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import { freePort } from '../../src/embedded-postgres/free-port.js';
import { useCleanup } from '../support/cleanup.js';
import { registryAnswers } from '../support/npm-registry.js';
import { skipWithout } from '../support/skip-for.js';
import { describeWithPackages } from './support/describe-with-packages.js';
import { InstalledPackages } from './support/installed-packages.js';

const FIXTURE = 'middleware';
const cleanUp = useCleanup();
let cache: string;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'ncn-hosts-'));
  cleanUp(() => rm(cache, { recursive: true }));
});

if (await registryAnswers()) {
  test('packages are installed once, also by several at the same time', async () => {
    const both = await Promise.all([InstalledPackages.find(FIXTURE, cache), InstalledPackages.find(FIXTURE, cache)]);
    const directories = both.map((packages) => packages?.directory as string);
    expect(await readdir(cache)).toEqual([directories[0]?.split('/').at(-1)]);
    expect(directories[1]).toBe(directories[0]);
    const { birthtimeMs } = await stat(directories[0] as string);

    const again = await InstalledPackages.find(FIXTURE, cache);
    expect((await stat(again?.directory as string)).birthtimeMs).toBe(birthtimeMs);
  }, 120_000);
} else {
  skipWithout('no npm registry', 'packages are installed once');
}

await describeWithPackages(FIXTURE, 'The packages of a host', (packages) => {
  test('are loaded by their names, from outside the checkout', () => {
    expect(packages.require<() => unknown>('compression')()).toBeInstanceOf(Function);
    expect(packages.resolve('compression')).toContain(packages.directory);
    expect(packages.directory).not.toContain(process.cwd());
  });
});

test('packages that cannot be fetched are not there, and leave nothing behind', async () => {
  const before = { ...process.env };
  cleanUp(() => {
    process.env = before;
  });
  const registry = `http://127.0.0.1:${await freePort()}`;
  process.env = { ...before, npm_config_registry: registry, npm_config_cache: cache, npm_config_fetch_retries: '0' };
  const installations = join(cache, 'installations');
  expect(await InstalledPackages.find(FIXTURE, installations)).toBeUndefined();
  expect(await readdir(installations)).toEqual([]);
}, 60_000);

test('no lock file says where packages are downloaded from, which is for npm to know', () => {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*package-lock.json'], {
    encoding: 'utf8',
  });
  const paths = files.trim().split('\n');
  expect(paths).toContain('package-lock.json');
  expect(paths.filter((path) => /"resolved"|https?:\/\/[^"]*\.tgz/.test(readFileSync(path, 'utf8')))).toEqual([]);
});
