import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import ts from 'typescript';

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const DOCS = readFileSync(at('docs/client.md'), 'utf8');

/** What the page takes for granted, as the reader's own. */
const AROUND = `
  import type { createInbox as create, Inbox } from 'nestjs-crm-notifications/client';
  import type { NotificationBell } from 'nestjs-crm-notifications/element';

  declare global {
    const createInbox: typeof create;
    const inbox: Inbox;
    const session: {
      userId: string; tenant: string; accessToken: string; expiresAt: number; renew(): Promise<void>;
    };
    const bell: NotificationBell;
    const router: { push(path: string): void };
    const id: number;
    const badge: HTMLElement;
    const banner: HTMLElement;
    function csrfToken(): string;
    const list: HTMLElement;
    const vue: typeof import('@vitejs/plugin-vue').default;
    function showBadge(unread: number): void;
    function showToast(text: string): void;
    function showProgress(progress: { done: number; total: number }): void;
    function highlightDeal(dealId: string): void;
  }`;

/** Of Angular, which is not installed here, as much as the page uses. */
const ANGULAR = `
  declare module '@angular/core' {
    interface Signal<T> { (): T }
    interface WritableSignal<T> extends Signal<T> { set(value: T): void; asReadonly(): Signal<T> }
    abstract class DestroyRef { abstract onDestroy(callback: () => void): () => void }
    function Injectable(options?: { providedIn?: 'root' }): (target: unknown, context: ClassDecoratorContext) => void;
    function inject<T>(token: abstract new () => T): T;
    function signal<T>(initialValue: T): WritableSignal<T>;
  }`;

/** What the types that the page registers make of a notification. */
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

/** The page's blocks of a language, each with the line that it begins at. */
function blocksIn(language: string): { line: number; code: string }[] {
  return [...DOCS.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(({ index, 1: code = '' }) => ({
    line: DOCS.slice(0, index).split('\n').length + 1,
    code,
  }));
}

/** Where each block stands: the page's React imports what is beside it in the example. */
function filesOf(language: 'ts' | 'tsx', folder: string): [path: string, code: string][] {
  return blocksIn(language).map(({ line, code }) => [
    at(`${folder}/client.md-${line}.${language}`),
    `${code}\nexport {};\n`,
  ]);
}

function diagnosticsOf(files: Map<string, string>): string[] {
  const { config } = ts.readConfigFile(at('examples/react/tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, at('examples/react'));
  Object.assign(options, { types: ['node'], skipLibCheck: true });
  // The nouns alone: its index needs Nest.
  options.paths = { ...options.paths, 'nestjs-crm-notifications': [at('src/notifications/notification.ts')] };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path) ?? readFile(path);
  host.getSourceFile = (path, ...rest) => {
    const code = files.get(path);
    return code === undefined ? getSourceFile(path, ...rest) : ts.createSourceFile(path, code, ...(rest as [99]));
  };
  const roots = [...files.keys(), at('examples/react/src/notification-bell.ts')];
  const program = ts.createProgram({ rootNames: roots, options, host });
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${file?.fileName}:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}

test('what docs/client.md shows compiles, and the types that it registers tell what `data` is', () => {
  const files = new Map([
    ...filesOf('ts', 'docs'),
    ...filesOf('tsx', 'examples/react/src'),
    [at('docs/around.ts'), AROUND],
    [at('docs/angular.d.ts'), ANGULAR],
    [at('docs/reader.ts'), READER],
  ]);
  expect(files.size).toBeGreaterThan(12);
  expect(diagnosticsOf(files)).toEqual([]);
}, 120_000);

test('the hooks of docs/client.md are those of the examples', () => {
  for (const [language, path] of [
    ['tsx', 'examples/react/src/inbox.tsx'],
    ['ts', 'examples/vue/src/use-inbox.ts'],
  ] as const) {
    expect(blocksIn(language).map(({ code }) => code)).toContain(readFileSync(at(path), 'utf8'));
  }
});
