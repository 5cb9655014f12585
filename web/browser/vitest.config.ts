// The tests in a real browser: `npx vitest run --config browser/vitest.config.ts`, or tests/browser/ through pytest.
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: import.meta.dirname,
  test: {
    include: ["scenes/*.scene.ts"],
    pool: "forks",
    maxWorkers: 2,
    hookTimeout: 180_000,
    testTimeout: 280_000,
  },
});
