import { assert, describe, it } from "@effect/vitest"
import { ModelOverride } from "@fermata/agent/Model"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import { TestHost } from "@fermata/testing/TestHost"
import { Context, Effect, Layer } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeShop } from "../shop.ts"
import { CodeReviewer, reviewers } from "../src/Reviewer.ts"
import { script } from "../src/Script.ts"

/** Both agents on the scripted model, with the tools on a repository. */
const serving = (repository: string) => {
  const { codeReviewer, fileReviewer } = reviewers(repository)
  return Layer.mergeAll(codeReviewer, fileReviewer).pipe(
    Layer.provide([
      Models.layer([Scripted.provider(script)]),
      Chunks.layerMemory,
      Layer.succeed(ModelOverride, "scripted")
    ]),
    Layer.provideMerge(Runs.layer)
  )
}

/** A repository of its own, gone with the scope. */
const shop = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "code-reviewer-"))
    makeShop(folder)
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const reportIn = (repository: string): string | undefined => {
  const file = join(repository, "REVIEW.md")
  return existsSync(file) ? readFileSync(file, "utf8") : undefined
}

/** Commands and files answer a while after they are asked. */
const until = <A, E, R>(look: Effect.Effect<A | undefined, E, R>, settled: Effect.Effect<void>) =>
  Effect.gen(function*() {
    for (;;) {
      yield* settled
      const found = yield* look
      if (found !== undefined) return found
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
  })

/** A review of a change, up to its question. */
const review = Effect.fnUntraced(function*(change: string) {
  const runs = yield* Runs
  const { settled } = yield* TestHost
  const run = yield* CodeReviewer.start({ change }, { id: change })
  const question = yield* until(Effect.map(runs.approvals({ run }), ([question]) => question), settled)
  const answered = (answer: Parameters<typeof runs.answer>[1]) =>
    Effect.andThen(
      runs.answer(question.id, answer),
      until(
        Effect.map(runs.show(run), ({ status }) => status === "completed" ? true as const : undefined),
        settled
      )
    )
  return { run, question, runs, answered }
})

const report = `# Review

- src/login.ts:2 holds a password
- src/login.ts:3 runs text from outside as code
- src/total.ts:2 is not done
`

/** Runs a test on a host of its own, with the repository that it reviews. */
const onHost = <A, E>(
  body: (repository: string) => Effect.Effect<A, E, Layer.Success<ReturnType<typeof world>>>
) => Effect.scoped(Effect.flatMap(shop, (repository) => Effect.provide(body(repository), world(repository))))
const world = (repository: string) => Layer.provideMerge(serving(repository), TestHost.layer)

describe("code-reviewer", () => {
  it.effect("has each file of a real change looked at by a run of its own, and asks before it writes", () =>
    onHost((repository) =>
      Effect.gen(function*() {
        const { question, run, runs } = yield* review("main...login")
        assert.deepStrictEqual(question.args, { file_path: "REVIEW.md", content: report })
        assert.include(question.prompt, "+- src/login.ts:2 holds a password")
        const view = yield* runs.show(run)
        assert.deepStrictEqual(view.children.map(({ status, workflow }) => [workflow, status]), [
          ["file-reviewer", "completed"],
          ["file-reviewer", "completed"],
          ["file-reviewer", "completed"]
        ])
        assert.isUndefined(reportIn(repository))
      })
    ))

  it.effect("writes what the person has made of the report", () =>
    onHost((repository) =>
      Effect.gen(function*() {
        const { answered } = yield* review("main...login")
        const edit = { file_path: "REVIEW.md", content: "Mind the password.\n" }
        yield* answered({ decision: "approve", by: "maintainer", edit })
        const { output, turns } = yield* CodeReviewer.run({ change: "main...login" }, { id: "main...login" })
        assert.deepStrictEqual(output, { verdict: "needs work", findings: 3, report: "REVIEW.md" })
        assert.strictEqual(turns, 4)
        assert.strictEqual(reportIn(repository), "Mind the password.\n")
        const status = execFileSync("git", ["status", "--short"], { cwd: repository, encoding: "utf8" })
        assert.strictEqual(status, "?? REVIEW.md\n", "and nothing else in the repository is another")
      })
    ))

  it.effect("writes nothing after a no, and says so", () =>
    onHost((repository) =>
      Effect.gen(function*() {
        // A change without a file.
        const { answered, question } = yield* review("login...login")
        assert.deepStrictEqual(question.args, { file_path: "REVIEW.md", content: "# Review\n\nNothing is wrong.\n" })
        yield* answered({ decision: "deny", by: "maintainer" })
        const { output } = yield* CodeReviewer.run({ change: "login...login" }, { id: "login...login" })
        assert.deepStrictEqual(output, { verdict: "fine", findings: 0, report: null })
        assert.isUndefined(reportIn(repository))
      })
    ))

  it.effect(
    "S1, S4: a crash at any write changes nothing of the report",
    () =>
      Effect.gen(function*() {
        const repositories = new WeakMap<object, string>()
        const made: Array<string> = []
        const repositoryOf = (world: object): string => {
          const known = repositories.get(world)
          if (known !== undefined) return known
          const folder = mkdtempSync(join(tmpdir(), "code-reviewer-"))
          makeShop(folder)
          made.push(folder)
          repositories.set(world, folder)
          return folder
        }
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            for (const folder of made) rmSync(folder, { recursive: true, force: true })
          })
        )
        let services = Context.empty() as Context.Context<Runs>
        const change = "login...login"
        const { crashes, writes } = yield* CrashExplorer.explore({
          workflows: (world) =>
            Layer.effectDiscard(Effect.map(Effect.context<Runs>(), (context) => void (services = context))).pipe(
              Layer.provide(Layer.orDie(serving(repositoryOf(world))))
            ),
          drive: (host) =>
            Effect.gen(function*() {
              const runs = yield* Runs
              const { runId } = yield* runs.start("code-reviewer", { id: "1", input: { change } })
              const isDone = Effect.gen(function*() {
                for (const { id, status } of yield* runs.approvals({ run: runId })) {
                  if (status === "open") yield* runs.answer(id, { decision: "approve", by: "maintainer" })
                }
                const { status } = yield* runs.show(runId)
                return status === "completed" ? true as const : undefined
              })
              yield* until(isDone, host.settled)
            }).pipe(Effect.provideContext(services)),
          outside: (world) => Effect.sync(() => reportIn(repositoryOf(world)))
        })
        assert.isAbove(writes, 8)
        assert.strictEqual(crashes, 2 * writes)
      }),
    300_000
  )
})
