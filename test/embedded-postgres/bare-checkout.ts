import {
  chmodSync,
  copyFileSync,
  cpSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

export const REPOSITORY = new URL('../..', import.meta.url).pathname;

const PROGRAM = 'test/embedded-postgres/use-postgres.ts';

/**
 * Makes a checkout as `npm install --ignore-scripts` leaves it, from a tarball that has lost its file modes: no symbolic
 * links, no executables. Returns the path of `use-postgres.ts` in it.
 */
export function makeBareCheckout(checkout: string): string {
  for (const path of ['src/embedded-postgres', PROGRAM]) {
    cpSync(join(REPOSITORY, path), join(checkout, path), { recursive: true });
  }
  writeFileSync(join(checkout, 'package.json'), '{ "type": "module" }');

  const modules = join(checkout, 'node_modules');
  mkdirSync(modules);
  symlinkSync(join(REPOSITORY, 'node_modules', 'pg'), join(modules, 'pg'));
  const wrapper = packageOf(createRequire(import.meta.url).resolve('embedded-postgres'));
  cpSync(wrapper, join(modules, 'embedded-postgres'), { recursive: true });
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const binaries = packageOf(
    createRequire(join(wrapper, 'dist', 'index.js')).resolve(`@embedded-postgres/${platform}`),
  );
  copyBare(binaries, join(modules, '@embedded-postgres', platform));
  return join(checkout, PROGRAM);
}

function packageOf(entry: string): string {
  return dirname(dirname(entry));
}

function copyBare(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    const found = lstatSync(source);
    if (found.isDirectory()) copyBare(source, target);
    else if (basename(from) === 'bin') copyWithoutMode(source, target);
    else if (found.isFile()) linkOrCopy(source, target);
  }
}

function copyWithoutMode(source: string, target: string): void {
  copyFileSync(source, target);
  chmodSync(target, 0o644);
}

/** 50 MB of libraries that nobody writes to. */
function linkOrCopy(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch {
    copyFileSync(source, target);
  }
}
