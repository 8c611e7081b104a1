import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { copyCommit } from '../../bench/compare/commit-copy.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ncn-commit-copy-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

test('a commit is copied once, with the sources as they were', async () => {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' });
  const commit = git('rev-parse', 'HEAD').trim();
  const { library, description } = await copyCommit('HEAD', directory);
  expect(library).toBe(`file://${join(directory, commit)}/src/notifications/index.ts`);
  expect(await readFile(new URL(library), 'utf8')).toBe(git('show', 'HEAD:src/notifications/index.ts'));
  expect(await readdir(join(directory, commit))).toEqual(['src']);
  expect(description).toBe(git('log', '-1', '--format=%h %s').trim());
  expect(await copyCommit(commit, directory)).toEqual({ library, description });
  expect(await readdir(directory)).toEqual([commit]);
});

test.each(['no-such-branch', '--help', ''])('there is no commit %j', async (ref) => {
  await expect(copyCommit(ref, directory)).rejects.toThrow(`There is no commit ${ref}`);
  expect(await readdir(directory)).toEqual([]);
});
