// Module hooks that let Node run this repository's TypeScript: `./x.js` finds `./x.ts`, and SWC strips the types.
// https://nodejs.org/docs/latest-v20.x/api/module.html#customization-hooks
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';
import jestConfig from '../../jest.config.js';

const [, compilerOptions] = Object.values(jestConfig.transform)[0];

export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    const isRelative = /^(\.{1,2}\/|file:)/.test(specifier);
    if (!isRelative || !specifier.endsWith('.js')) throw error;
    return next(specifier.replace(/\.js$/, '.ts'), context);
  }
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const filename = fileURLToPath(url);
  const source = await readFile(filename, 'utf8');
  const { code } = await transform(source, { ...compilerOptions, filename, sourceMaps: 'inline', swcrc: false });
  return { format: 'module', shortCircuit: true, source: code };
}
