import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

// No test builds the image. Node.js supports each line for three years: the newest of those tested reaches its end last.
test('The image of the demo is on the newest line of Node.js that the tests run hosts on', () => {
  const { dependencies } = JSON.parse(read('test/hosts/fixtures/node-versions/package.json'));
  const tested = Object.values<string>(dependencies).map((version) => Number(/@(\d+)\./.exec(version)?.[1]));
  const images = [...read('Dockerfile').matchAll(/^FROM node:(\S+)$/gm)].map(([, tag]) => tag);
  expect(images).toEqual([`${Math.max(...tested)}-bookworm-slim`]);
  const [, oldest] = /^>=(\d+)\./.exec(JSON.parse(read('package.json')).engines.node) ?? [];
  expect(Math.max(...tested)).toBeGreaterThanOrEqual(Number(oldest));
});
