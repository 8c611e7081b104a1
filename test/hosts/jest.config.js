import base from '../../jest.config.js';

/** The second tier: hosts as teams have them, with packages that are fetched on demand. @type {import('jest').Config} */
export default {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/hosts/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
};
