import type { ModuleRef, ModulesContainer } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { isDataSource } from './data-source-form.js';
import { NotificationsError } from './notifications.error.js';

const MAX_WAIT_MS = 120_000;
const FIRST_WORD_MS = 5_000;
const NEXT_WORD_MS = 30_000;

/**
 * The host's DataSource: the one given, or the one that `@nestjs/typeorm` provides under this name. Its token can't be
 * injected: with `forRootAsync` the name is known only at run time. So it is waited for, as that module may still be
 * connecting.
 *
 * @throws {NotificationsError} `INVALID_OPTIONS` if there is none.
 */
export async function hostDataSource(
  given: DataSource | string | undefined,
  { modules, container }: { modules: ModuleRef; container: ModulesContainer },
  onWait: (reason: string) => void,
): Promise<DataSource> {
  if (given !== undefined && typeof given !== 'string') return given;
  // As getDataSourceToken() of @nestjs/typeorm has it.
  const isDefault = given === undefined || given === 'default';
  const token = isDefault ? classToken(container) : `${given}DataSource`;
  const deadline = Date.now() + MAX_WAIT_MS;
  let sayAt = Date.now() + FIRST_WORD_MS;
  while (Date.now() < deadline) {
    const found = find(modules, token);
    if (isDataSource(found)) return found;
    if (found) throw noProviderOf(token);
    if (Date.now() >= sayAt) {
      onWait(`the DataSource '${given ?? 'default'}' of the host has not connected yet`);
      sayAt = Date.now() + NEXT_WORD_MS;
    }
    await new Promise((resolve) => setTimeout(resolve, 5).unref());
  }
  throw new NotificationsError(
    'INVALID_OPTIONS',
    `NotificationsModule: the DataSource '${given ?? 'default'}' did not connect within ${MAX_WAIT_MS / 1_000} s.`,
  );
}

/**
 * The class under which the host's default DataSource is provided: ours, or where TypeORM is there twice, that of the copy which
 * the host has. A provider that is still connecting can be told by the name of its class alone.
 *
 * @throws {NotificationsError} `INVALID_OPTIONS` if there are several, and none is ours.
 */
function classToken(container: ModulesContainer): typeof DataSource {
  const tokens = new Set<typeof DataSource>();
  for (const { providers } of container.values()) {
    for (const token of providers.keys()) {
      if (token === DataSource) return DataSource;
      if (typeof token === 'function' && token.name === DataSource.name) tokens.add(token as typeof DataSource);
    }
  }
  if (tokens.size > 1) {
    throw new NotificationsError(
      'INVALID_OPTIONS',
      `NotificationsModule: ${tokens.size} classes named ${DataSource.name} have providers, as where TypeORM is installed more than once. Say which one is meant by the option dataSource.`,
    );
  }
  const [token = DataSource] = tokens;
  return token;
}

function find(modules: ModuleRef, token: typeof DataSource | string): DataSource | undefined {
  try {
    return modules.get<DataSource>(token, { strict: false }) ?? undefined;
  } catch (cause) {
    throw noProviderOf(token, cause);
  }
}

function noProviderOf(token: typeof DataSource | string, cause?: unknown): NotificationsError {
  const name = typeof token === 'string' ? `a DataSource of the name ${token}` : 'a default DataSource';
  return new NotificationsError(
    'INVALID_OPTIONS',
    `NotificationsModule: there is no provider of ${name}. Import TypeOrmModule.forRoot(...), or give the option dataSource.`,
    { cause },
  );
}
