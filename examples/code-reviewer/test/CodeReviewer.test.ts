import { assert, describe, it } from "@effect/vitest"
import { ModelOverride } from "@fermata/agent/Model"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import { TestHost } from "@fermata/testing/TestHost"
import { Context, Effect, Layer } from "effect"
import { type Published, Repository } from "../src/Repository.ts"
import { CodeReviewer, codeReviewer, fileReviewer } from "../src/Reviewer.ts"
import { script } from "../src/Script.ts"

/** Both agents on the scripted model, over what a repository has published. */
const serving = (published: Map<string, Published>) =>
  Layer.mergeAll(codeReviewer, fileReviewer).pipe(
    Layer.provide([
      Repository.layerMemory(published),
      Models.layer([Scripted.provider(script)]),
      Chunks.layerMemory,
      Layer.succeed(ModelOverride, "scripted")
    ]),
    Layer.provideMerge(Runs.layer)
  )

const settled = TestHost.use(({ settled }) => settled)

/** A review of a change, up to its question. */
const review = Effect.fnUntraced(function*(change: string) {
  const runs = yield* Runs
  const run = yield* CodeReviewer.start({ change }, { id: change })
  yield* settled
  const [question] = yield* runs.approvals({ run })
  return { run, question: question!, runs }
})

const report =
  "src/login.ts:2 holds a password\nsrc/login.ts:3 runs text from outside as code\nsrc/total.ts:2 is not done"

/** Runs a test on a host of its own, with what was published there. */
const onHost = <A, E>(
  body: (published: ReadonlyMap<string, Published>) => Effect.Effect<A, E, Layer.Success<ReturnType<typeof world>>>
) =>
  Effect.suspend(() => {
    const published = new Map<string, Published>()
    return Effect.provide(body(published), world(published))
  })
const world = (published: Map<string, Published>) => Layer.provideMerge(serving(published), TestHost.layer)

describe("code-reviewer", () => {
  it.effect("has each file looked at by a run of its own, and asks before it publishes", () =>
    onHost((published) =>
      Effect.gen(function*() {
        const { question, run, runs } = yield* review("42")
        assert.deepStrictEqual(question.args, { change: "42", report })
        const view = yield* runs.show(run)
        assert.deepStrictEqual(view.children.map(({ status, workflow }) => [workflow, status]), [
          ["file-reviewer", "completed"],
          ["file-reviewer", "completed"],
          ["file-reviewer", "completed"]
        ])
        assert.strictEqual(published.size, 0)
      })
    ))

  it.effect("publishes what the person has made of the report, once", () =>
    onHost((published) =>
      Effect.gen(function*() {
        const { question, runs } = yield* review("42")
        yield* runs.answer(question.id, {
          decision: "approve",
          by: "maintainer",
          edit: { change: "42", report: "Mind the password." }
        })
        yield* settled
        const { output, turns } = yield* CodeReviewer.run({ change: "42" }, { id: "42" })
        assert.deepStrictEqual(output, { verdict: "needs work", findings: 3, published: "reviews/42/1" })
        assert.strictEqual(turns, 4)
        assert.deepStrictEqual([...published.values()], [{ change: "42", report: "Mind the password." }])
      })
    ))

  it.effect("publishes nothing after a no, and says so", () =>
    onHost((published) =>
      Effect.gen(function*() {
        const { question, runs } = yield* review("43")
        assert.deepStrictEqual(question.args, { change: "43", report: "Nothing is wrong." })
        yield* runs.answer(question.id, { decision: "deny", by: "maintainer" })
        yield* settled
        const { output } = yield* CodeReviewer.run({ change: "43" }, { id: "43" })
        assert.deepStrictEqual(output, { verdict: "fine", findings: 0, published: null })
        assert.strictEqual(published.size, 0)
      })
    ))

  it.effect(
    "S1, S4: a crash at any write changes neither the report nor how often it is published",
    () =>
      Effect.gen(function*() {
        const worlds = new WeakMap<object, Map<string, Published>>()
        const publishedIn = (world: object) => {
          const known = worlds.get(world) ?? new Map<string, Published>()
          worlds.set(world, known)
          return known
        }
        let services = Context.empty() as Context.Context<Runs>
        const { crashes, writes } = yield* CrashExplorer.explore({
          workflows: (world) =>
            Layer.effectDiscard(Effect.map(Effect.context<Runs>(), (context) => void (services = context))).pipe(
              Layer.provide(serving(publishedIn(world)))
            ),
          drive: (host) =>
            Effect.gen(function*() {
              const runs = yield* Runs
              const { runId } = yield* runs.start("code-reviewer", { id: "43", input: { change: "43" } })
              yield* host.settled
              const edit = { change: "43", report: "Good." }
              for (const { id, status } of yield* runs.approvals({ run: runId })) {
                if (status === "open") yield* runs.answer(id, { decision: "approve", by: "maintainer", edit })
              }
              yield* host.settled
            }).pipe(Effect.provideContext(services)),
          outside: (world) => Effect.succeed([...publishedIn(world).values()])
        })
        assert.isAbove(writes, 10)
        assert.strictEqual(crashes, 2 * writes)
      }),
    300_000
  )
})
