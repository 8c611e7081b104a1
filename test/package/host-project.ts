import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RunningProgram, run, startNode } from './processes.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** A project of its own, outside the checkout, in which the library is installed from a tarball. */
export class HostProject {
  private constructor(private readonly directory: string) {}

  /** The small CRM of `crm/`, with the dependencies and settings of `nest-11/` or `nest-12/`. */
  static async crm(settings: string, tarball: string): Promise<HostProject> {
    const project = await HostProject.copy(settings, 'crm', settings);
    await cp(here('../types/registered.ts'), join(project.directory, 'spec/registered.ts'));
    await project.install(tarball);
    return project;
  }

  /** A front end, without anything of the server: no Nest, no TypeORM. */
  static async frontEnd(tarball: string): Promise<HostProject> {
    const project = await HostProject.copy('front-end', 'front-end');
    await project.install(tarball, '--omit=peer');
    return project;
  }

  private static async copy(name: string, ...folders: string[]): Promise<HostProject> {
    const directory = await mkdtemp(join(tmpdir(), `ncn-${name}-`));
    for (const folder of folders) await cp(here(folder), directory, { recursive: true });
    return new HostProject(directory);
  }

  private async install(tarball: string, ...flags: string[]): Promise<void> {
    const quiet = ['--no-audit', '--no-fund', '--loglevel', 'error'];
    await run(this.directory, 'npm', ['install', '--ignore-scripts', '--prefer-offline', ...quiet, ...flags, tarball]);
  }

  /** Runs a Node program to its end. @throws with its output, if it fails. */
  async node(...args: string[]): Promise<string> {
    return await run(this.directory, process.execPath, args);
  }

  has(path: string): boolean {
    return existsSync(join(this.directory, path));
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
