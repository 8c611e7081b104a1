// Jest turns global-setup.ts and global-teardown.ts into CommonJS and maps no `.js` to `.ts` in them; this is their way
// out, to modules that are loaded as everywhere else. A .cjs file, because SWC would turn `import()` into `require()`.
const { register } = require('node:module');
const { pathToFileURL } = require('node:url');

const here = pathToFileURL(__filename);
register('./run-ts-loader.mjs', here);

/** @param {string} specifier relative to this directory */
exports.importTs = (specifier) => import(new URL(specifier, here).href);
