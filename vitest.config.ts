import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['node_modules/**', 'staging/**', 'backups/**'],
    pool: 'forks',
    setupFiles: ['test/support/keep-sqlite.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts', 'skills/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
    },
  },
});
