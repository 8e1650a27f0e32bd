import { assert, describe, it } from "@effect/vitest"
import { Runs } from "@fermata/engine/Runs"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Exit, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { layer, TranslatePage, TranslateSite, Translator } from "../src/Translate.ts"

const asked: Array<string> = []
const Scripted = Layer.sync(Translator, () => {
  asked.length = 0
  return {
    translate: (text, language) =>
      Effect.sync(() => {
        asked.push(language)
        return `[${language}] ${text}`
      })
  }
})
const app = layer.pipe(
  Layer.provide(Scripted),
  Layer.provideMerge(Runs.layer),
  Layer.provideMerge(TestHost.layer)
)

const site = { page: "welcome", text: "Good morning!", languages: ["de", "fr", "eo"], review: ["de"] }

const settled = TestHost.use(({ settled }) => settled)
const start = Effect.tap(TranslateSite.execute(site, { discard: true }), () => settled)

const exitOf = (executionId: string) =>
  Effect.map(
    TranslateSite.poll(executionId),
    (result) => Option.isSome(result) && result.value._tag === "Complete" ? result.value.exit : undefined
  )

const child = (language: string) =>
  TranslatePage.executionId({ page: site.page, text: site.text, language, review: true })

const statuses = Effect.fnUntraced(function*(root: string) {
  const runs = yield* Runs
  const list = yield* runs.list({ root })
  return list.map(({ status, workflow }) => `${workflow} ${status}`).sort()
})

describe("translate-site", () => {
  it.effect("starts a run per language and waits for the one that waits for an editor", () =>
    Effect.gen(function*() {
      const runs = yield* Runs
      const run = yield* start
      assert.deepStrictEqual(asked, ["de", "fr", "eo"])
      assert.deepStrictEqual(yield* statuses(run), [
        "translate-page completed",
        "translate-page completed",
        "translate-page suspended",
        "translate-site suspended"
      ])
      const { waits } = yield* runs.find(run)
      assert.deepStrictEqual(waits.map(({ key, reason }) => [reason, key]), [["child", yield* child("de")]])

      yield* runs.answer(yield* child("de"), {
        decision: "approve",
        by: "ada",
        roles: ["editor"],
        edit: "Guten Morgen!"
      })
      yield* settled
      assert.deepStrictEqual(
        yield* exitOf(run),
        Exit.succeed({ de: "Guten Morgen!", fr: "[fr] Good morning!", eo: "[eo] Good morning!" })
      )
      assert.deepStrictEqual(asked, ["de", "fr", "eo"])
    }).pipe(Effect.provide(app)))

  it.effect("refuses an answer of somebody who is no editor", () =>
    Effect.gen(function*() {
      const runs = yield* Runs
      const run = yield* start
      const error = yield* Effect.flip(runs.answer(yield* child("de"), { decision: "approve", by: "mallory" }))
      assert.strictEqual(error._tag, "NotAllowed")
      yield* settled
      assert.isUndefined(yield* exitOf(run))
    }).pipe(Effect.provide(app)))

  it.effect("fails when nobody answers in a week", () =>
    Effect.gen(function*() {
      const run = yield* start
      yield* TestClock.adjust("7 days")
      yield* settled
      const exit = yield* exitOf(run)
      assert.isTrue(exit !== undefined && Exit.isFailure(exit))
      assert.deepStrictEqual(yield* statuses(run), [
        "translate-page completed",
        "translate-page completed",
        "translate-page failed",
        "translate-site failed"
      ])
    }).pipe(Effect.provide(app)))

  it.effect("S8: cancelling the parent cancels the child that still waits", () =>
    Effect.gen(function*() {
      const runs = yield* Runs
      const run = yield* start
      yield* runs.cancel(run, { by: "ada", reason: "the page is gone" })
      yield* settled
      assert.deepStrictEqual(yield* statuses(run), [
        "translate-page cancelled",
        "translate-page completed",
        "translate-page completed",
        "translate-site cancelled"
      ])
      const { stop } = yield* runs.show(run)
      assert.strictEqual(stop?.reason, "the page is gone")
      assert.deepStrictEqual(yield* runs.approvals(), [])
    }).pipe(Effect.provide(app)))

  it.effect("S4, S11: a crash at any write of the parent or a child changes no translation", () =>
    Effect.gen(function*() {
      const { crashes, writes } = yield* CrashExplorer.explore({
        workflows: layer.pipe(Layer.provide(Scripted)),
        drive: (host) =>
          host.use(
            Effect.gen(function*() {
              const runs = yield* Runs
              yield* TranslateSite.execute(site, { discard: true })
              yield* host.settled
              yield* Effect.exit(runs.answer(yield* child("de"), { decision: "approve", by: "editor" }))
              yield* host.settled
            }).pipe(Effect.provide(Runs.layer))
          )
      })
      assert.isAbove(writes, 8)
      assert.strictEqual(crashes, 2 * writes)
    }))
})
