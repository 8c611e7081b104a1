import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { at, blocks, linksIn, PAGES, proseOf, textOf } from '../support/documents.js';

/** Not compiled, but with links and commands of their own. */
const LINKED = [...PAGES, 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'test/chaos/README.md'];

/** Commands of npm that need no script. */
const BUILT_IN = ['ci', 'install'];

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of proseOf(textOf(page)).matchAll(/^#{1,6} (.+)$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const anchor = text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}\p{Pc}\- ]/gu, '')
      .replaceAll(' ', '-');
    let unique = anchor;
    for (let n = 1; anchors.has(unique); n++) unique = `${anchor}-${n}`;
    anchors.add(unique);
  }
  return anchors;
}

test.each(LINKED)('%s links to files and headings that exist', (page) => {
  const broken: string[] = [];
  for (const target of linksIn(textOf(page))) {
    const [path, anchor] = target.split('#') as [string, string?];
    const file = path === '' ? page : join(dirname(page), path);
    if (!existsSync(at(file)) || (anchor !== undefined && !anchorsOf(file).has(anchor))) broken.push(target);
  }
  expect(broken).toEqual([]);
});

test.each(LINKED)('%s names files of the repository that exist', (page) => {
  const named = [...textOf(page).matchAll(/`((?:src|test|bench|examples|docs)\/[\w./-]+)`/g)].map(
    ([, path = '']) => path,
  );
  expect(named.filter((path) => !existsSync(at(path)))).toEqual([]);
});

test.each(LINKED)('%s names scripts of package.json', (page) => {
  const { scripts } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
  const inline = proseOf(textOf(page)).match(/`[^`\n]+`/g) ?? [];
  const shell = blocks([page]).filter(({ language }) => ['sh', 'bash'].includes(language));
  const code = [...inline, ...shell.map((block) => block.code)].join('\n');
  const named = [...code.matchAll(/\bnpm (?:run )?([a-z][\w:-]*)/g)].map(([, name = '']) => name);
  expect(named.filter((name) => !(name in scripts) && !BUILT_IN.includes(name))).toEqual([]);
});

test('JSON blocks parse', () => {
  for (const { code } of blocks().filter(({ language }) => language === 'json')) {
    expect(() => JSON.parse(code)).not.toThrow();
  }
});
