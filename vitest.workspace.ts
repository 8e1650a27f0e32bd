import { availableParallelism } from "node:os"
import type { TestProjectInlineConfiguration } from "vitest/config"
import { configDefaults, defineConfig } from "vitest/config"

/** Suites that need more than Node run only where their variable is set; elsewhere they are not collected. */
const gated = [
  { variable: "FERMATA_INTEGRATION", files: "**/*.integration.test.ts" },
  { variable: "FERMATA_LIVE", files: "**/*.live.test.ts" }
].filter(({ variable }) => !process.env[variable]).map(({ files }) => files)

/** Suites that start processes. */
const processes = ["**/*.e2e.test.ts", "test/e2e/**/*.test.ts"]

const project = (
  name: string,
  include: ReadonlyArray<string>,
  options: TestProjectInlineConfiguration["test"] = {}
) => ({
  test: {
    name,
    include: [...include],
    exclude: [...configDefaults.exclude, ...gated, ...processes],
    // Tests share the machine with whatever else runs there, and coverage slows them down: only what hangs runs out of time.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // A worker goes through one file after another of a project, and so loads Effect and the sources once. No file may
    // leave anything behind.
    isolate: false,
    ...options
  }
})

export default defineConfig({
  test: {
    // Two files at a time also where there are two cores, on which vitest would take one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // V8 forgets the code of functions that have not run for a while, and what it knows of their coverage with it: a
    // busy machine would measure less than a quiet one.
    execArgv: ["--no-flush-bytecode"],
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      reporter: ["text-summary", "json-summary", "html"],
      thresholds: { lines: 94, branches: 86, functions: 92 }
    },
    projects: [
      // The rules of the house, which `npm run check` asks alone.
      project("architecture", ["test/architecture/**/*.test.ts"]),
      // All others are one project, since every project has workers of its own and a server that finds its modules anew.
      project("unit", [
        "packages/*/test/**/*.test.ts",
        "examples/*/test/**/*.test.ts",
        "test/!(architecture)/**/*.test.ts"
      ]),
      project("e2e", processes, {
        exclude: [...configDefaults.exclude, ...gated, "scratchpad/**"],
        testTimeout: 600_000,
        hookTimeout: 600_000,
        globalSetup: ["test/e2e/support/setUp.ts"],
        isolate: true,
        // They wait for their processes more than they work, and take their turn after all others.
        maxWorkers: Math.max(3, availableParallelism() - 1),
        sequence: { groupOrder: 1 }
      })
    ]
  }
})
