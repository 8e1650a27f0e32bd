import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

const oxlint = join(dirname(createRequire(import.meta.url).resolve("oxlint/package.json")), "bin/oxlint")

/** What oxlint says about this code with the rule switched on. */
const messages = (code: string): ReadonlyArray<string> => {
  const folder = mkdtempSync(join(tmpdir(), "fermata-lint-"))
  try {
    writeFileSync(join(folder, "body.ts"), code)
    writeFileSync(
      join(folder, ".oxlintrc.json"),
      JSON.stringify({
        jsPlugins: [join(import.meta.dirname, "../src/Lint.ts")],
        categories: { correctness: "off" },
        rules: { "fermata/deterministic-body": "error" }
      })
    )
    const { stderr, stdout } = spawnSync(process.execPath, [oxlint, "--format", "json", "."], {
      cwd: folder,
      encoding: "utf8"
    })
    assert.match(stdout, /^\{/, stderr)
    const { diagnostics } = JSON.parse(stdout) as { readonly diagnostics: ReadonlyArray<{ readonly message: string }> }
    return diagnostics.map(({ message }) => message)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What it finds. */
const lint = (code: string) => messages(code).map((message) => message.split(" in the body")[0]!)

const body = (statements: string) => `
  export const layer = W.toLayer(Effect.fn("W")(function*({ id }) {
    ${statements}
  }))
`

describe("the lint rule for bodies of workflows", () => {
  it("reports what a replay would not repeat, wherever in the body it stands", () => {
    const found = [
      "Date.now",
      "new Date()",
      "performance.now",
      "Math.random",
      "crypto.randomUUID",
      "crypto.getRandomValues",
      "fetch",
      "setTimeout",
      "setInterval",
      "setImmediate",
      "queueMicrotask",
      "Effect.promise",
      "Effect.tryPromise",
      "Effect.callback",
      "Effect.runPromise",
      "Effect.runFork",
      "await",
      "fetch",
      "Math.random"
    ]
    assert.deepStrictEqual(
      lint(body(`
      const now = Date.now() + new Date().getTime() + performance.now()
      if (Math.random() > 0.5) crypto.randomUUID()
      for (const item of items) globalThis.crypto.getRandomValues(item)
      fetch("https://example.com")
      setTimeout(() => {}, 1); setInterval(() => {}, 1); setImmediate(() => {}); queueMicrotask(() => {})
      yield* Effect.promise(() => work())
      yield* Effect.tryPromise({ try: () => work(), catch: String })
      yield* Effect.callback((resume) => resume(Effect.void))
      Effect.runPromise(Effect.void); Effect.runFork(Effect.void)
      const later = async () => { await work() }
      yield* Effect.all(names.map((name) => Effect.sync(() => globalThis.fetch(name))))
      return yield* W.withCompensation(step(), () => Effect.sync(() => Math.random()))
    `)).toSorted(),
      found.toSorted()
    )
  })

  it("reports them in every form of a handler, and says where they belong", () => {
    for (
      const handler of [
        "() => fetch(url)",
        "function*() { fetch(url) }",
        "Effect.fnUntraced(function*() { fetch(url) })",
        "(input) => Effect.gen(function*() { fetch(url) })"
      ]
    ) {
      const [message, ...more] = messages(`export const layer = Purchase.workflow.toLayer(${handler})`)
      assert.strictEqual(
        message,
        "fetch in the body of a workflow: it goes on outside of the run, which then fails with ForeignWork; put it into a step",
        handler
      )
      assert.isEmpty(more, handler)
    }
  })

  it("lets be what a body may do, and what is none", () => {
    assert.deepStrictEqual(
      lint(body(`
      const at = new Date(yield* Clock.currentTimeMillis)
      const random = yield* Random.next
      const crypto = yield* WebCrypto
      yield* Effect.sleep("1 day")
      yield* Step.make("call", { onCrash: "rerun", run: () => Effect.promise(() => fetch("https://example.com")) })()
      yield* Activity.make({ name: "act", execute: Effect.promise(() => fetch("https://example.com")) })
      const { fetch } = yield* Shop
      return service.fetch(random, at, crypto.randomUUID(), yield* fetch(id))
    `)),
      []
    )
    assert.deepStrictEqual(lint("export const now = () => Date.now() + Math.random(); setTimeout(now, 1)"), [])
  })
})
