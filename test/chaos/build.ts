import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Options, transformSync } from '@swc/core';

// As Jest compiles; a JavaScript file without types.
const { default: jestConfig } = await import(new URL('../../jest.config.js', import.meta.url).href);
const [, COMPILER_OPTIONS] = Object.values(jestConfig.transform)[0] as [string, Options];
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LIBRARY = 'src/notifications';
const FOLDERS = ['test/chaos/instance'];
const FILES = ['test/support/random.ts'];
const ENTRY = relative(ROOT, fileURLToPath(new URL('./instance/main.ts', import.meta.url)));

/** A change to one file of the library that breaks one of its guarantees. */
export interface Patch {
  /** Below src/notifications. */
  file: string;
  /** Must be there exactly once, or the mutant would be none. As short as is clear: what is around it changes. */
  find: string;
  replace: string;
}

/** The program of an instance as plain JavaScript: it starts in a fraction of the time. */
export interface Build {
  /** The path to run. */
  readonly entry: string;
  dispose(): void;
}

/** @param librarySource the folder whose `src/notifications` the instance is built of; @default this checkout */
export function buildInstance(patches: readonly Patch[] = [], librarySource = ROOT): Build {
  // Below the root, where its imports find node_modules.
  const out = join(ROOT, 'dist', `chaos-${process.pid}-${Date.now().toString(36)}-${builds++}`);
  const patched = patchedFiles(patches, librarySource);
  const write = (file: string, source: string) => {
    const target = join(out, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, compile(source, file));
  };
  for (const file of typescriptBelow(librarySource, LIBRARY)) {
    write(file, patched.get(file) ?? readFileSync(join(librarySource, file), 'utf8'));
  }
  for (const file of [...FOLDERS.flatMap((folder) => typescriptBelow(ROOT, folder)), ...FILES]) {
    write(file, readFileSync(join(ROOT, file), 'utf8'));
  }
  return {
    entry: join(out, ENTRY.replace(/\.ts$/, '.js')),
    dispose: () => rmSync(out, { recursive: true, force: true }),
  };
}

let builds = 0;

/**
 * Makes sure that each patch still matches and that what it makes is TypeScript, without building anything.
 *
 * @throws {Error} for the first that doesn't.
 */
export function checkPatches(patches: readonly Patch[]): void {
  for (const [file, source] of patchedFiles(patches)) compile(source, file);
}

/** The files that patches change, by their path below the root. */
function patchedFiles(patches: readonly Patch[], librarySource = ROOT): Map<string, string> {
  const sources = new Map<string, string>();
  for (const patch of patches) {
    const file = join(LIBRARY, patch.file);
    sources.set(file, apply(sources.get(file) ?? readFileSync(join(librarySource, file), 'utf8'), patch));
  }
  return sources;
}

function typescriptBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
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
