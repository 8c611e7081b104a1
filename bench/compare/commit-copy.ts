import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Below the checkout, so that its node_modules are found; ignored by git. */
const COPIES = join(ROOT, 'dist', 'bench');

const run = promisify(execFile);

/** The library as it was at a commit. */
export interface CommitCopy {
  /** The commit's hash, shortened, and its subject. */
  description: string;
  /** The URL of its public entry. */
  library: string;
}

/**
 * The sources of a commit, kept for the next time. They run as this checkout's do: compiled by the same compiler while
 * they are loaded, with this checkout's node_modules.
 *
 * @param ref a commit, branch or tag.
 * @param directory where copies are kept; below one that has the node_modules, if it is to run.
 * @throws if there is no such commit.
 */
export async function copyCommit(ref: string, directory = COPIES): Promise<CommitCopy> {
  const commit = await git('rev-parse', '--verify', '--quiet', `${ref}^{commit}`).catch(() => {
    throw new Error(`There is no commit ${ref} here`);
  });
  const copy = join(directory, commit);
  if (!existsSync(copy)) await extract(commit, copy);
  return {
    description: await describe(commit),
    library: pathToFileURL(join(copy, 'src/notifications/index.ts')).href,
  };
}

/** What is measured as ours: the commit that is checked out, and whether the work tree is as it. */
export async function describeCheckout(): Promise<string> {
  const isChanged = (await git('status', '--porcelain', '--', 'src')) !== '';
  return `${await describe('HEAD')}${isChanged ? ', with uncommitted changes' : ''}`;
}

async function describe(commit: string): Promise<string> {
  return await git('log', '-1', '--format=%h %s', commit);
}

/** Whole or not at all: a run that is killed meanwhile leaves nothing that looks like a copy. */
async function extract(commit: string, copy: string): Promise<void> {
  await mkdir(dirname(copy), { recursive: true });
  const draft = await mkdtemp(`${copy}-`);
  try {
    const archive = join(draft, 'src.tar');
    await git('archive', '--format=tar', `--output=${archive}`, commit, 'src');
    await run('tar', ['-xf', archive, '-C', draft]);
    await rm(archive);
    await rename(draft, copy);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

async function git(...args: string[]): Promise<string> {
  return (await run('git', ['-C', ROOT, ...args])).stdout.trim();
}
