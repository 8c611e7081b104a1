import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { run } from '../../package/processes.js';
import type { InstalledPackages } from './installed-packages.js';

const NAME = 'nestjs-crm-notifications';

/** The builds that the published modules come from: what runs in Node, and what runs in a browser. */
const PROJECTS = { server: 'tsconfig.package.json', client: 'src/client' };

/** A folder in which programs find the ES modules of the library, as they are published, beside installed packages. */
export class BuiltPackage {
  private constructor(readonly directory: string) {}

  static async beside(packages: InstalledPackages, part: keyof typeof PROJECTS = 'server'): Promise<BuiltPackage> {
    const directory = await mkdtemp(join(tmpdir(), 'ncn-built-'));
    const [from, to] = [packages.directory, directory].map((path) => join(path, 'node_modules')) as [string, string];
    const scopes = readdirSync(from).filter((name) => name.startsWith('@'));
    for (const scope of ['', ...scopes]) {
      mkdirSync(join(to, scope), { recursive: true });
      const names = readdirSync(join(from, scope)).filter((name) => !/^[.@]/.test(name));
      for (const name of names) symlinkSync(join(from, scope, name), join(to, scope, name));
    }
    const own = join(to, NAME);
    mkdirSync(own);
    cpSync(resolve('package.json'), join(own, 'package.json'));
    const build = ['node_modules/typescript/bin/tsc', '-p', PROJECTS[part], '--outDir', join(own, 'lib/esm')];
    await run(resolve('.'), process.execPath, build);
    return new BuiltPackage(directory);
  }

  /** Runs a program of ES modules in the folder. @returns what it prints. @throws with that, if it fails. */
  async run(program: string, env: NodeJS.ProcessEnv): Promise<string> {
    const path = join(this.directory, basename(program));
    cpSync(program, path);
    return await run(this.directory, process.execPath, [path], env);
  }

  async delete(): Promise<void> {
    await rm(this.directory, { recursive: true });
  }
}
