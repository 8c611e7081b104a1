import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './processes.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What `npm publish` would upload, built from the checkout. */
export class PublishedPackage {
  private constructor(
    private readonly temporary: string,
    readonly tarball: string,
    /** Every file in it, as a path within the package, sorted. */
    readonly files: string[],
  ) {}

  static async pack(): Promise<PublishedPackage> {
    const temporary = await mkdtemp(join(tmpdir(), 'ncn-package-'));
    await run(ROOT, 'npm', ['pack', '--pack-destination', temporary]);
    const [name = ''] = await readdir(temporary);
    await run(temporary, 'tar', ['-xzf', name]);
    const directory = join(temporary, 'package');
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
    return new PublishedPackage(temporary, join(temporary, name), files.sort());
  }

  path(file: string): string {
    return join(this.temporary, 'package', file);
  }

  read(file: string): string {
    return readFileSync(this.path(file), 'utf8');
  }

  has(file: string): boolean {
    return existsSync(this.path(file));
  }

  get manifest() {
    return JSON.parse(this.read('package.json'));
  }

  async delete(): Promise<void> {
    await rm(this.temporary, { recursive: true });
  }
}
