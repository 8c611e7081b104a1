import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** The first with popovers, the newest part of the platform that is relied on. Of July 2023. */
export const OLDEST_VERSION = 115;

/** The path of one; what CHROME_PATH names is taken, or refused with a reason. */
export async function findInstalledChromium(): Promise<string | undefined> {
  const given = process.env.CHROME_PATH;
  if (given) {
    const version = await majorVersion(given);
    if (version >= OLDEST_VERSION) return given;
    throw new Error(
      `CHROME_PATH is ${given}, which is ${version ? `version ${version}` : 'no Chrome or Chromium that can be started'}. ` +
        `Let it name one of version ${OLDEST_VERSION} or newer, or unset it.`,
    );
  }
  for (const path of usualPaths().filter((path) => existsSync(path))) {
    if ((await majorVersion(path)) >= OLDEST_VERSION) return path;
  }
}

function usualPaths(): string[] {
  if (process.platform === 'darwin') {
    return ['/Applications', join(homedir(), 'Applications')].flatMap((directory) =>
      ['Google Chrome', 'Chromium'].map((name) => join(directory, `${name}.app`, 'Contents', 'MacOS', name)),
    );
  }
  if (process.platform === 'win32') {
    const { LOCALAPPDATA, PROGRAMFILES, 'PROGRAMFILES(X86)': PROGRAMFILES_X86 } = process.env;
    return [PROGRAMFILES, PROGRAMFILES_X86, LOCALAPPDATA].flatMap((directory) =>
      ['Google\\Chrome', 'Chromium'].map((name) => `${directory}\\${name}\\Application\\chrome.exe`),
    );
  }
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin', '/snap/bin'];
  return ['google-chrome', 'google-chrome-stable', 'chromium', 'chromium-browser'].flatMap((name) =>
    directories.filter(Boolean).map((directory) => join(directory, name)),
  );
}

/** 0 if it isn't one, or can't be started: such as the `chromium-browser` of Ubuntu, which tells to install a snap. */
async function majorVersion(path: string): Promise<number> {
  return Number.parseInt(/(\d+)\.\d+\.\d+\.\d+/.exec(await version(path))?.[1] ?? '0', 10);
}

async function version(path: string): Promise<string> {
  try {
    // There `--version` opens a window; but beside the executable is a directory that is named by the version.
    if (process.platform === 'win32') return readdirSync(dirname(path)).join('\n');
    return (await promisify(execFile)(path, ['--version'], { timeout: 10_000 })).stdout;
  } catch {
    return '';
  }
}
