import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import ts from 'typescript';
import { at, type Block, blocks, PAGES } from '../support/documents.js';
import { SURROUNDINGS } from './surroundings.js';

/** Languages that the compiler reads, and those that hold such code in a `<script>`. */
const COMPILED = ['ts', 'tsx', 'js', 'jsx'];
const WITH_SCRIPT = ['html', 'svelte'];

/** Blocks that this file doesn't compile, why, and the file that checks them instead. A block of any other kind fails the test. */
const ELSEWHERE: { page?: string; languages: string[]; why: string; test?: string }[] = [
  {
    page: 'docs/recipes.md',
    languages: ['ts'],
    why: 'needs packages that npm ci does not install: compiled and run by npm run test:hosts',
    test: 'test/hosts/recipes.test.ts',
  },
  {
    page: 'docs/operations.md',
    languages: ['nginx', 'haproxy'],
    why: 'run by the real proxies',
    test: 'test/support/documented-proxy.ts',
  },
  { page: 'docs/architecture.md', languages: ['text'], why: 'a drawing' },
  { languages: ['sql'], why: 'run by Postgres', test: 'test/docs/sql.test.ts' },
  { languages: ['json', 'sh', 'bash'], why: 'checked with the links', test: 'test/docs/references.test.ts' },
];

/** Markup without a script, which no compiler here reads. */
const MARKUP = [
  '<notification-bell url="/notifications" user="u-7"></notification-bell>\n',
  '<notification-bell><svg slot="icon" viewBox="0 0 24 24" aria-hidden="true">…</svg></notification-bell>\n',
];

/** What the types that docs/client.md registers make of a notification. */
const READER = `
  import type { InboxNotification, NotificationType } from 'nestjs-crm-notifications/client';
  import type { NotificationOpenEvent } from 'nestjs-crm-notifications/element';
  import type { NotificationType as SentType } from 'nestjs-crm-notifications';

  type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
  const holds = <_ extends true>(): void => {};

  holds<Same<NotificationType, 'deal.assigned' | 'quote.approved'>>();
  holds<Same<SentType, NotificationType>>();

  export function read(notification: InboxNotification, { detail }: NotificationOpenEvent): unknown {
    // @ts-expect-error: no type is misspelt
    if (notification.type === 'deal.asigned') return 0;
    // @ts-expect-error: not every type has it
    notification.data.dealId;
    if (notification.type !== 'deal.assigned') return holds<Same<typeof notification.type, 'quote.approved'>>();
    holds<Same<typeof notification.data, { dealId: string }>>();
    return detail.type === 'quote.approved' && detail.data.total;
  }`;

const elsewhere = ({ page, language }: Block) =>
  ELSEWHERE.find((entry) => entry.languages.includes(language) && (entry.page ?? page) === page);

/** The code of a block that a compiler reads, on the lines that it has in the page. */
function codeOf({ language, code }: Block): string | undefined {
  if (COMPILED.includes(language)) return code;
  if (!WITH_SCRIPT.includes(language)) return undefined;
  const [, before, script] = /^(.*?<script\b[^>]*>)(.*?)<\/script>/s.exec(code) ?? [];
  return script === undefined ? undefined : '\n'.repeat(before?.split('\n').length ?? 1).slice(1) + script;
}

/** The names that a file declares or imports at its top level. */
function declaredIn(code: string): Set<string> {
  const names = new Set<string>();
  const add = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) names.add(node.text);
    else if (ts.isVariableDeclaration(node) || ts.isBindingElement(node)) add(node.name);
    else if (ts.isImportSpecifier(node) || ts.isNamespaceImport(node)) add(node.name);
    else if (ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) {
      if (node.name) add(node.name);
    } else if (ts.isTypeAliasDeclaration(node)) add(node.name);
    else if (ts.isImportClause(node)) {
      if (node.name) add(node.name);
      ts.forEachChild(node, add);
    } else if (
      ts.isSourceFile(node) ||
      ts.isImportDeclaration(node) ||
      ts.isNamedImports(node) ||
      ts.isVariableStatement(node) ||
      ts.isVariableDeclarationList(node) ||
      ts.isObjectBindingPattern(node) ||
      ts.isArrayBindingPattern(node)
    ) {
      ts.forEachChild(node, add);
    }
  };
  add(ts.createSourceFile('block.tsx', code, ts.ScriptTarget.Latest, true));
  return names;
}

const exportsOf = (module: string) =>
  [...module.matchAll(/^ *export (?:declare )?(?:abstract )?(?:const|class|function|type) (\w+)/gm)]
    .map(([, name]) => name as string)
    .concat([...module.matchAll(/^ *export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list]) => namesIn(list as string)));
const namesIn = (list: string) => (list.match(/(?:type )?\w+/g) ?? []).map((name) => name.replace(/^type /, ''));

/** The module that holds the surroundings of a page. */
const around = (page: string) => page.replace(/\.md$/, '.around.ts');

/** The file that a block is compiled as. React's blocks import files of the React example. */
function pathOf({ page, line, language }: Block): string {
  if (language === 'tsx') return at(`examples/react/src/${page.replace('/', '-')}-${line}.tsx`);
  return at(`${page}-${line}.${WITH_SCRIPT.includes(language) ? 'ts' : language}`);
}

/** A block as a module of its own, on the lines that it has in the page. */
function moduleOf(block: Block, code: string): string {
  const { module, frames = [] } = SURROUNDINGS[block.page] ?? { module: '' };
  const { before, after } = frames.find(({ begins }) => code.startsWith(begins)) ?? { before: '', after: '' };
  const declared = declaredIn(code);
  const names = exportsOf(module).filter((name) => !declared.has(name));
  const from = at(around(block.page)).replace(/\.ts$/, '.js');
  const taken = names.length > 0 ? `import { ${names.join(', ')} } from '${from}';` : '';
  return `${taken}${'\n'.repeat(block.line - 1)}${before}${code}${after}\nexport {};\n`;
}

/**
 * What the compiler says of the blocks of some pages, by page and line.
 * @param parsed source files that the programs share
 */
function problemsOf(
  pages: string[],
  more: [path: string, code: string][],
  parsed: Map<string, ts.SourceFile>,
): string[] {
  const files = new Map(more);
  const places = new Map<string, string>();
  for (const page of pages) {
    const { module, modules } = SURROUNDINGS[page] ?? {};
    if (module) files.set(at(around(page)), module);
    if (modules) files.set(at(page.replace(/\.md$/, '.modules.d.ts')), modules);
  }
  for (const block of blocks(pages)) {
    const code = elsewhere(block) ? undefined : codeOf(block);
    if (code === undefined) continue;
    files.set(pathOf(block), moduleOf(block, code));
    places.set(pathOf(block), block.page);
  }
  expect(places.size).toBeGreaterThan(12);

  const { config } = ts.readConfigFile(at('examples/react/tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, at('examples/react'));
  Object.assign(options, {
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts', 'lib.es2024.string.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    types: ['node'],
    skipLibCheck: true,
    allowJs: true,
    checkJs: true,
    // For Nest's decorators, and for the server's sources, which import types and values by one statement.
    experimentalDecorators: true,
    verbatimModuleSyntax: false,
  });
  options.paths = {
    ...options.paths,
    'nestjs-crm-notifications': [at('src/notifications/index.ts')],
    'nestjs-crm-notifications/redis': [at('src/notifications/redis.ts')],
    'nestjs-crm-notifications/nats': [at('src/notifications/nats.ts')],
  };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path) ?? readFile(path);
  host.getSourceFile = (path, ...rest) => {
    const code = files.get(path);
    if (code !== undefined) return ts.createSourceFile(path, code, ...(rest as [99]));
    const file = parsed.get(path) ?? getSourceFile(path, ...rest);
    if (file) parsed.set(path, file);
    return file;
  };
  const roots = [...files.keys(), at('examples/react/src/notification-bell.ts')];
  const program = ts.createProgram({ rootNames: roots, options, host });
  // Only these files are checked: checking the library's own, as `npm run check` does, takes several times as long.
  const ours = roots.map((path) => program.getSourceFile(path));
  const found = ours.flatMap((file) => [
    ...program.getSyntacticDiagnostics(file),
    ...program.getSemanticDiagnostics(file),
  ]);
  return [...program.getOptionsDiagnostics(), ...found].map(({ file, start, messageText }) => {
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    const name = file && (places.get(file.fileName) ?? file.fileName);
    return `${name}:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}

// Two programs, because two pages register types: TypeScript ignores one of two registrations that name different entry points
// of the package.
test('what the pages show compiles, strictly, and the types that they register tell what `data` is', () => {
  const parsed = new Map<string, ts.SourceFile>();
  const inBrowser = ['docs/client.md'];
  const others = PAGES.filter((page) => !inBrowser.includes(page));
  expect([
    ...problemsOf(inBrowser, [[at('docs/reader.ts'), READER]], parsed),
    ...problemsOf(others, [], parsed),
  ]).toEqual([]);
}, 120_000);

test('no block is passed over but those that are listed with a reason', () => {
  const all = blocks();
  const passedOver = all.filter((block) => !elsewhere(block) && codeOf(block) === undefined);
  expect(passedOver.filter(({ code }) => !MARKUP.includes(code))).toEqual([]);

  // Entries that match nothing any more must go.
  expect(MARKUP.filter((code) => !passedOver.some((block) => block.code === code))).toEqual([]);
  for (const { page, languages, test } of ELSEWHERE) {
    if (test) expect(existsSync(at(test))).toBe(true);
    if (!page) continue;
    for (const language of languages) {
      expect(all.some((block) => block.page === page && block.language === language)).toBe(true);
    }
    if (test) expect(readFileSync(at(test), 'utf8')).toContain(page);
  }
  for (const [page, { frames = [] }] of Object.entries(SURROUNDINGS)) {
    for (const { begins } of frames) {
      expect(all.filter((block) => block.page === page && block.code.startsWith(begins))).toHaveLength(1);
    }
  }
});

test('the hooks of docs/client.md are those of the examples', () => {
  for (const [language, path] of [
    ['tsx', 'examples/react/src/inbox.tsx'],
    ['ts', 'examples/vue/src/use-inbox.ts'],
  ] as const) {
    const shown = blocks(['docs/client.md']).filter((block) => block.language === language);
    expect(shown.map(({ code }) => code)).toContain(readFileSync(at(path), 'utf8'));
  }
});
