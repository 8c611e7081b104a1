import type { DataSource } from 'typeorm';

/** Is it a DataSource? By its form: TypeORM may be there twice, and then its class is another one. */
export function isDataSource(value: unknown): value is DataSource {
  if (typeof value !== 'object' || value === null) return false;
  const { options, createQueryRunner } = value as Partial<DataSource>;
  return typeof options === 'object' && options !== null && typeof createQueryRunner === 'function';
}
