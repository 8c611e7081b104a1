/**
 * Settings of embedded servers for tests. Only what a power cut would need is switched off: everything that programs can
 * observe (locks, timeouts, isolation, crash recovery) is as in production.
 */
export const TEST_SETTINGS = { fsync: 'off', max_connections: 300 };
