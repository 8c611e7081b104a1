import type { ResolvedOptions } from './notifications.options.js';

/**
 * Where the module provides its {@link ResolvedOptions}. From the global registry of symbols, so that the ESM and the CJS
 * build of the library mean the same one.
 */
export const NOTIFICATIONS_OPTIONS = Symbol.for('nestjs-crm-notifications:options');

/** The broker of this application. */
export const NOTIFICATIONS_BROKER = Symbol.for('nestjs-crm-notifications:broker');

/** The host's DataSource. */
export const NOTIFICATIONS_HOST = Symbol.for('nestjs-crm-notifications:host');

/** The path of the controllers; null where there are none. */
export const NOTIFICATIONS_PATH = Symbol.for('nestjs-crm-notifications:path');
