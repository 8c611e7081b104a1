import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Options, transformSync } from '@swc/core';

// As Jest compiles; a JavaScript file without types.
const { default: jestConfig } = await import(new URL('../../jest.config.js', import.meta.url).href);
const [, COMPILER_OPTIONS] = Object.values(jestConfig.transform)[0] as [string, Options];
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = ['src/notifications', 'test/chaos/instance'];
const FILES = ['test/support/random.ts'];
const ENTRY = relative(ROOT, fileURLToPath(new URL('./instance/main.ts', import.meta.url)));

/** A change to one file of the library that breaks one of its guarantees. */
export interface Patch {
  /** Below src/notifications. */
  file: string;
  /** Must be there exactly once, or the mutant would be none. */
  find: string;
  replace: string;
}

/** The program of an instance as plain JavaScript: it starts in a fraction of the time. */
export interface Build {
  /** The path to run. */
  readonly entry: string;
  dispose(): void;
}

export function buildInstance(patches: readonly Patch[] = []): Build {
  // Below the root, where its imports find node_modules.
  const out = join(ROOT, 'dist', `chaos-${process.pid}-${Date.now().toString(36)}`);
  const rest = new Set(patches);
  for (const file of [...FOLDERS.flatMap(typescriptBelow), ...FILES]) {
    const mine = patches.filter((patch) => join('src/notifications', patch.file) === file);
    for (const patch of mine) rest.delete(patch);
    const source = mine.reduce(apply, readFileSync(join(ROOT, file), 'utf8'));
    const target = join(out, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, compile(source, file));
  }
  const [lost] = rest;
  if (lost) throw new Error(`A patch is for ${lost.file}, which is not there.`);
  return {
    entry: join(out, ENTRY.replace(/\.ts$/, '.js')),
    dispose: () => rmSync(out, { recursive: true, force: true }),
  };
}

function typescriptBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

function apply(source: string, { file, find, replace }: Patch): string {
  const count = source.split(find).length - 1;
  if (count !== 1) {
    throw new Error(`A patch no longer applies: ${file} has ${count} times what it looks for:\n${find}`);
  }
  return source.replace(find, () => replace);
}

function compile(source: string, filename: string): string {
  return transformSync(source, { ...COMPILER_OPTIONS, filename, sourceMaps: 'inline', swcrc: false }).code;
}
