import { assert, describe, it } from "@effect/vitest"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import * as ReadOnlyBackend from "@fermata/engine/ReadOnlyBackend"
import * as Upgrade from "@fermata/engine/Upgrade"
import * as CrashHost from "@fermata/testing/CrashHost"
import { TestHost } from "@fermata/testing/TestHost"
import { type Duration, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { type Act, breaking, type Edit, harmless, layerOf, programs, Sample } from "./Edits.ts"

const act = (world: CrashHost.World, host: CrashHost.Host, id: string, what: Act): Effect.Effect<unknown> => {
  if ("pass" in what) return Effect.andThen(TestClock.adjust(what.pass as Duration.Input), host.settled)
  if ("signal" in what) return world.tell(id, "signal", { name: what.signal, payload: null })
  return world.tell(id, "answer", { key: what.approve, decision: "approve", by: "boss" })
}

/** A store with a run of the program that has lived its life. */
const lived = Effect.fnUntraced(function*(base: keyof typeof programs) {
  const world = yield* CrashHost.make
  const { acts, body } = programs[base]
  const host = yield* world.start(layerOf(body))
  const id = yield* Effect.tap(host.use(Sample.execute({ id: "1" }, { discard: true })), host.settled)
  for (const what of acts) yield* act(world, host, id, what)
  yield* host.close
  return { world, id, row: yield* world.run(id) }
})

/** What the check says about an edit, on a store that refuses every write. */
const check = Effect.fnUntraced(function*([base, , body, , workflow]: Edit) {
  const { id, row, world } = yield* lived(base)
  const before = JSON.stringify([...world.store.runs])
  const backend = ReadOnlyBackend.make(MemoryBackend.make(world.store))
  const report = yield* Upgrade.check().pipe(
    Effect.provide(Layer.provideMerge(layerOf(body, workflow), TestHost.layerOf(backend)))
  )
  assert.strictEqual(JSON.stringify([...world.store.runs]), before, "nothing was written")
  return { id, row, report }
})

describe("Upgrade.check", () => {
  it.effect("N-43: the programs fit their own journals, open and finished", () =>
    Effect.forEach(Object.keys(programs) as ReadonlyArray<keyof typeof programs>, (base) =>
      Effect.gen(function*() {
        const { report, row } = yield* check([base, "nothing", programs[base].body])
        assert.deepInclude(report, { breaks: [], unserved: [], unreadable: [] }, base)
        assert.strictEqual(
          report.open,
          ["undo", "done"].includes(base) ? 0 : 1,
          `${base} is ${row.status} (${row.waits})`
        )
        assert.strictEqual(report.fits, report.open + report.finished)
      }), { discard: true }))

  it.effect("N-43: every edit that breaks a run is found, at the step where it does", () =>
    Effect.gen(function*() {
      assert.isAtLeast(breaking.length, 40)
      for (const edit of breaking) {
        const [base, what, , at] = edit
        const { id, report } = yield* check(edit)
        const found = report.breaks.map(({ difference, runId }) => [runId, difference?.key])
        assert.lengthOf(found, 1, `${base}: ${what}`)
        assert.strictEqual(found[0]![0], id)
        assert.match(
          found[0]![1]!,
          typeof at === "string" ? new RegExp(`^${at.replace(/[/~]/g, "\\$&")}$`) : at!,
          `${base}: ${what}`
        )
      }
    }))

  it.effect("N-43: no edit that every run lives through is called a break", () =>
    Effect.gen(function*() {
      assert.isAtLeast(harmless.length, 20)
      for (const edit of harmless) {
        const { report } = yield* check(edit)
        assert.deepStrictEqual(report.breaks, [], `${edit[0]}: ${edit[1]}`)
        assert.isAbove(report.fits, 0)
      }
    }))
})
