import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RunningProgram, run, startNode } from './processes.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * The small CRM of `crm/` as a project of its own, outside the checkout, with the dependencies and settings of
 * `nest-11/` or `nest-12/`.
 */
export class HostProject {
  private constructor(private readonly directory: string) {}

  /** Copies it and installs its dependencies, and the library from a tarball. */
  static async create(settings: string, tarball: string): Promise<HostProject> {
    const directory = await mkdtemp(join(tmpdir(), `ncn-${settings}-`));
    await cp(here('crm'), directory, { recursive: true });
    await cp(here(settings), directory, { recursive: true });
    await cp(here('../types/registered.ts'), join(directory, 'spec/registered.ts'));
    const quiet = ['--no-audit', '--no-fund', '--loglevel', 'error'];
    await run(directory, 'npm', ['install', '--ignore-scripts', '--prefer-offline', ...quiet, tarball]);
    return new HostProject(directory);
  }

  /** Runs a script of its package.json. @throws with its output, if it fails. */
  async script(name: string, args: string[] = [], env?: NodeJS.ProcessEnv): Promise<string> {
    return await run(this.directory, 'npm', ['run', '--silent', name, '--', ...args], env);
  }

  /** Starts its built application; the first line is the URL. */
  async start(env: NodeJS.ProcessEnv): Promise<RunningProgram> {
    return await startNode(this.directory, 'dist/src/main.js', env);
  }

  async delete(): Promise<void> {
    await rm(this.directory, { recursive: true });
  }
}
