import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import ts from 'typescript';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The diagnostics of a file that imports the library by its name; an unused `@ts-expect-error` is one too. */
function diagnosticsOf(file: string): string[] {
  const { config } = ts.readConfigFile(here('../../tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(
    {
      ...config.compilerOptions,
      paths: { 'nestjs-crm-notifications': ['./src/notifications/index.ts'] },
      noEmit: true,
    },
    here('../..'),
  );
  const program = ts.createProgram([here(file)], options);
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${file?.fileName}:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}

test('with registered types `type` decides what `data` must be, when sending and when reading', () => {
  expect(diagnosticsOf('./registered.ts')).toEqual([]);
}, 120_000);

test('without registered types every string is a type and every object is data', () => {
  expect(diagnosticsOf('./unregistered.ts')).toEqual([]);
}, 120_000);
