import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const REGISTER = new URL('./run-ts-register.mjs', import.meta.url).href;

/**
 * Runs a TypeScript file in a Node process of its own, compiled on the fly with Jest's settings. It prints no colours,
 * which Jest on a terminal asks its own processes for.
 *
 * @param options `node` is the program. @default the one that runs
 */
export function spawnTs(
  file: string | URL,
  args: readonly string[] = [],
  { node = process.execPath, ...options }: SpawnOptions & { node?: string } = {},
): ChildProcess {
  const path = typeof file === 'string' ? file : fileURLToPath(file);
  const flags = ['--no-warnings', '--enable-source-maps', '--import', REGISTER];
  const env = { ...(options.env ?? process.env), FORCE_COLOR: '0' };
  return spawn(node, [...flags, path, ...args], { stdio: ['pipe', 'pipe', 'inherit'], ...options, env });
}

/** Runs it to its end, and returns what it printed. What it says on stderr is shown only if it fails. */
export async function outputOfTs(file: string | URL, args: readonly string[] = []): Promise<string> {
  const child = spawnTs(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, complaint, [code]] = await Promise.all([
    text(child.stdout as Readable),
    text(child.stderr as Readable),
    once(child, 'exit'),
  ]);
  if (code !== 0) throw new Error(`${file} ended with ${code}:\n${output}${complaint}`);
  return output;
}
