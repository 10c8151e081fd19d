import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['node_modules/**', 'staging/**', 'backups/**', 'dist/**'],
    pool: 'forks',
    // Most tests wait for real processes, and two of them may wait on one core.
    maxWorkers: 2 * availableParallelism(),
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
