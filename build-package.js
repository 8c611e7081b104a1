// Builds what is published: lib/esm and lib/cjs, file by file as in src/notifications and src/client, so that every entry
// point shares one copy of each class. Both are needed: Jest in CommonJS loads no ESM, and Jest in ESM lets no CommonJS
// require Nest 12. The element is ESM alone, as lit is.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('.', import.meta.url));
function compile(outDir, ...flags) {
  for (const project of ['tsconfig.package.json', 'src/client']) {
    const args = ['node_modules/typescript/bin/tsc', '-p', project, '--outDir', outDir, ...flags];
    execFileSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  }
}

function remove(path) {
  rmSync(new URL(path, import.meta.url), { recursive: true, force: true });
}

remove('lib');
compile('lib/esm');
compile('lib/cjs', '--module', 'commonjs', '--moduleResolution', 'bundler');
writeFileSync(new URL('lib/cjs/package.json', import.meta.url), '{ "type": "commonjs" }\n');
remove('lib/cjs/client/element');

remove('lib/cjs/notifications/http/jose.js.map');
// jose stays a dependency: audits see it in both builds, and users of the ESM build get its patches without us.
await build({
  absWorkingDir: root,
  entryPoints: ['src/notifications/http/jose.ts'],
  outfile: 'lib/cjs/notifications/http/jose.js',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  banner: { js: `/*! This file contains jose.\n${readFileSync('node_modules/jose/LICENSE.md', 'utf8')}*/` },
});
