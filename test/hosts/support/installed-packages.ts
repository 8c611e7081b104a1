import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../package/processes.js';
import { registryAnswers } from '../../support/npm-registry.js';

const FIXTURES = fileURLToPath(new URL('../fixtures', import.meta.url));
/** What decides which packages are installed, and how. */
const SETTINGS = ['package.json', 'package-lock.json', '.npmrc'];
const UNUSED_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * The packages of `test/hosts/fixtures/NAME/package-lock.json`, installed outside the checkout and kept for later runs until
 * the lock file changes. Their install scripts don't run.
 *
 * To make a fixture, or to renew it: `npm install --package-lock-only --omit-lockfile-registry-resolved` in its folder.
 */
export class InstalledPackages {
  private readonly requireHere: NodeJS.Require;

  private constructor(
    /** Holds `node_modules`. All runs share it: write nothing into it. */
    readonly directory: string,
  ) {
    this.requireHere = createRequire(join(directory, 'package.json'));
  }

  /**
   * @param cache where installations are kept.
   * @returns undefined if they are not installed yet and the registry is out of reach.
   * @throws what npm said, if the registry is there and they can't be installed all the same.
   */
  static async find(fixture: string, cache = cacheDirectory()): Promise<InstalledPackages | undefined> {
    const directory = join(cache, `${fixture}-${keyOf(fixture)}`);
    if (!existsSync(directory)) {
      try {
        await install(fixture, directory);
      } catch (error) {
        if (await registryAnswers()) throw error;
        return undefined;
      }
      await discardUnused(cache);
    }
    const now = new Date();
    await utimes(directory, now, now);
    return new InstalledPackages(directory);
  }

  /** Loads a CommonJS module within Jest, by the name that code in the fixture's folder would use. */
  require<T>(specifier: string): T {
    return this.requireHere(specifier);
  }

  /** Where a module lies, for a process of its own. */
  resolve(specifier: string): string {
    return this.requireHere.resolve(specifier);
  }
}

function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'nestjs-crm-notifications', 'test-hosts');
}

function keyOf(fixture: string): string {
  // Optional dependencies differ by platform.
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const name of filesOf(fixture)) hash.update(`\n${name}\n`).update(readFileSync(join(FIXTURES, fixture, name)));
  return hash.digest('hex').slice(0, 16);
}

function filesOf(fixture: string): string[] {
  return SETTINGS.filter((name) => existsSync(join(FIXTURES, fixture, name)));
}

/** Installs beside the directory and renames: others see a whole installation, or none. */
async function install(fixture: string, directory: string): Promise<void> {
  const draft = `${directory}.${process.pid}-${randomBytes(4).toString('hex')}`;
  await mkdir(draft, { recursive: true });
  try {
    for (const name of filesOf(fixture)) await cp(join(FIXTURES, fixture, name), join(draft, name));
    const quiet = ['--no-audit', '--no-fund', '--loglevel', 'error'];
    await run(draft, 'npm', ['ci', '--ignore-scripts', '--prefer-offline', ...quiet]);
    await rename(draft, directory);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Another process was faster.
    if (!existsSync(directory)) throw error;
  }
}

/** Installations of lock files from long ago, and those of killed runs. */
async function discardUnused(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const path = join(cache, name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > UNUSED_MS) await rm(path, { recursive: true, force: true });
  }
}
