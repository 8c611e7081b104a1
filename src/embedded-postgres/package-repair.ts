import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { basename, join, relative } from 'node:path';

/**
 * Does in the directory `native` what the package's postinstall script would have done (npm packs no symbolic links,
 * and may have run with --ignore-scripts), and makes the programs executable. Safe to do twice at once.
 */
export function repairPackage(native: string): void {
  linkLibraries(native);
  if (process.platform !== 'win32') makeExecutable(join(native, 'bin'));
}

function linkLibraries(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  const links: { source: string; target: string }[] = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : [];
  for (const { source, target } of links) {
    const path = join(native, relative('native', target));
    if (lstatSync(path, { throwIfNoEntry: false })) continue;
    try {
      symlinkSync(basename(source), path);
    } catch (error) {
      // Another process has just made it.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function makeExecutable(directory: string): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const { mode } = statSync(path);
    if ((mode & 0o111) !== 0o111) chmodSync(path, mode | 0o111);
  }
}
