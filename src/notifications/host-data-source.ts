import type { ModuleRef } from '@nestjs/core';
import { DataSource } from 'typeorm';
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
  modules: ModuleRef,
  onWait: (reason: string) => void,
): Promise<DataSource> {
  if (given !== undefined && typeof given !== 'string') return given;
  // As getDataSourceToken() of @nestjs/typeorm has it.
  const token = given === undefined || given === 'default' ? DataSource : `${given}DataSource`;
  const deadline = Date.now() + MAX_WAIT_MS;
  let sayAt = Date.now() + FIRST_WORD_MS;
  while (Date.now() < deadline) {
    const found = find(modules, token);
    if (found) return found;
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

function find(modules: ModuleRef, token: typeof DataSource | string): DataSource | undefined {
  try {
    return modules.get<DataSource>(token, { strict: false }) ?? undefined;
  } catch (cause) {
    const name = token === DataSource ? 'a default DataSource' : `a DataSource of the name ${String(token)}`;
    throw new NotificationsError(
      'INVALID_OPTIONS',
      `NotificationsModule: there is no provider of ${name}. Import TypeOrmModule.forRoot(...), or give the option dataSource.`,
      { cause },
    );
  }
}
