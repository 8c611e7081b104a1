import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A fenced block of a page. */
export interface Block {
  /** From the root of the repository, such as `docs/client.md`. */
  readonly page: string;
  /** The first line of the code, counted from 1. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
}

/** The path of a file of this repository. */
export const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export const PAGES = [
  'README.md',
  ...readdirSync(at('docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

export const textOf = (page: string) => readFileSync(at(page), 'utf8');

/** The blocks of all pages, or of those given. */
export function blocks(pages: readonly string[] = PAGES): Block[] {
  return pages.flatMap((page) => {
    const text = textOf(page);
    const found = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(({ index, 1: language = '', 2: code = '' }) => ({
      page,
      line: text.slice(0, index).split('\n').length + 1,
      language,
      code,
    }));
    const fences = text.match(/^\s*(```|~~~)/gm)?.length ?? 0;
    if (fences !== 2 * found.length) {
      throw new Error(`${page} has a block that is indented, not closed, or names no language`);
    }
    return found;
  });
}

/** The prose of a text: Markdown without its fenced blocks. */
export function proseOf(markdown: string): string {
  return markdown.replace(/^```\w*\n.*?^```$/gms, '');
}

/** What a text links to, as it is written, but for other sites: no test needs the network. */
export function linksIn(markdown: string): string[] {
  const targets = [...proseOf(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}
