// Builds what is published: lib/esm and lib/cjs, file by file as in src/notifications, so that every entry point shares
// one copy of each class. Both are needed: Jest in CommonJS loads no ESM, and Jest in ESM lets no CommonJS require Nest 12.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('.', import.meta.url));
const compile = (outDir, ...flags) =>
  execFileSync(
    process.execPath,
    ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.package.json', '--outDir', outDir, ...flags],
    { cwd: root, stdio: 'inherit' },
  );

rmSync(new URL('lib', import.meta.url), { recursive: true, force: true });
compile('lib/esm');
compile('lib/cjs', '--module', 'commonjs', '--moduleResolution', 'bundler');
writeFileSync(new URL('lib/cjs/package.json', import.meta.url), '{ "type": "commonjs" }\n');

rmSync(new URL('lib/cjs/http/jose.js.map', import.meta.url));
// jose stays a dependency: audits see it in both builds, and users of the ESM build get its patches without us.
await build({
  absWorkingDir: root,
  entryPoints: ['src/notifications/http/jose.ts'],
  outfile: 'lib/cjs/http/jose.js',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  banner: { js: `/*! This file contains jose.\n${readFileSync('node_modules/jose/LICENSE.md', 'utf8')}*/` },
});
