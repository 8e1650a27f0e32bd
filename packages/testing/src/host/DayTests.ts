/** Conformance of hosts: what all runs of a workflow together may spend on a day. */
import { assert, it } from "@effect/vitest"
import { DayRefusal } from "@fermata/core/DayRefusal"
import * as SpentByDay from "@fermata/core/SpentByDay"
import type { Backend } from "@fermata/engine/Backend"
import * as DayRaises from "@fermata/engine/DayRaises"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Scope } from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Workflow from "effect/workflow/Workflow"
import * as CrashHost from "../CrashHost.ts"

/** Tests on a connection to an empty store, of which each world takes one. */
export const dayTests = (connect: Effect.Effect<Backend, unknown, Scope>): void => {
  const test = (title: string, body: Effect.Effect<void, unknown, Scope>) => it.effect(title, () => Effect.scoped(body))

  test(
    "S1, S12, N-50: a day is never booked over what it may cost, whatever the write at which a process dies, and a call that was in flight goes on under its key",
    Effect.gen(function*() {
      const whole = yield* life(yield* connect)
      assert.deepStrictEqual(whole, { calls: 4, keys: 4, refused: true })
      for (let count = 1;; count++) {
        let died = false
        for (const when of ["before", "after"] as const) {
          const lived = yield* life(yield* connect, { count, when })
          died ||= lived.died === true
          assert.strictEqual(lived.keys, 4, `two calls of two runs, killed ${when} write ${count}`)
          assert.isAtMost(lived.calls, 5, `one may be in flight, killed ${when} write ${count}`)
        }
        if (!died) break
      }
    })
  )

  test(
    "N-50: a run that the day has no room for goes on with a raise of it, whatever it writes in between",
    Effect.gen(function*() {
      for (const paused of [false, true]) {
        for (let before = 1, ended = false; !ended; before++) {
          const raced = yield* race(yield* connect, before, paused)
          ended = raced.writes < before
          assert.strictEqual(raced.status, "completed", `raised before write ${before}${paused ? ", paused" : ""}`)
        }
      }
    })
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Tokens. */
const limit = { tokens: 10 }
const wanted = { tokens: 6 }
const cost = { tokens: 4 }

class Full extends Schema.TaggedError<Full>()("Full", { step: Schema.String, refused: DayRefusal }) {}

const Patient = Workflow.make("patient", {
  payload: { id: Schema.String, calls: Schema.Int, delayMs: Schema.Int },
  idempotencyKey: ({ id }) => id
})

/** Runs that make so many calls, each once their day has room for it. `called` are the keys under which they were made. */
const patient = (called: Array<string>) => {
  const ask = Step.make("ask", {
    error: Full,
    onCrash: "rerun-keyed",
    run: Effect.fnUntraced(function*(_, { idempotencyKey, key, refused, spend }) {
      if (refused !== undefined) return yield* new Full({ step: key, refused })
      called.push(idempotencyKey)
      yield* Effect.yieldNow
      yield* spend(cost)
    })
  })
  const call = Effect.gen(function*() {
    let first: string | undefined
    while (true) {
      const raises = yield* Workflows.raises
      const asked = yield* ask().pipe(
        Effect.provideService(Step.Reserved, wanted),
        Effect.provideService(Step.DayLimit, limit),
        Effect.provideService(Step.InPlaceOf, first),
        Effect.result
      )
      if (Result.isSuccess(asked)) return
      const { refused: { day, next = day }, step } = asked.failure
      first ??= step
      if ((yield* Workflows.raises) !== raises) continue
      yield* Workflows.awaitBudget(limit, { day, detail: "short", until: SpentByDay.beginOf(next) })
    }
  })
  return Patient.toLayer(({ calls, delayMs }) =>
    Effect.andThen(delayMs === 0 ? Effect.void : Effect.sleep(delayMs), Effect.repeat(call, { times: calls - 1 }))
  )
}

const startOne = (host: CrashHost.Host, id: string, calls: number, delayMs = 0) =>
  host.use(Patient.execute({ id, calls, delayMs }, { discard: true }))

/** What the days of the runs have in the store, and by their journals. */
const books = Effect.fnUntraced(function*(world: CrashHost.World) {
  const stored = new Map((yield* world.backend.spending({})).map((row) => [row.day, SpentByDay.heldOf(row)]))
  const told = new Map<number, SpentByDay.DaySums>()
  for (const { id } of yield* world.backend.runs({ limit: 10 })) {
    for (const change of SpentByDay.after(SpentByDay.nothing, yield* world.journal(id))?.days ?? []) {
      told.set(change.day, SpentByDay.plus(told.get(change.day) ?? SpentByDay.untouched(change.day), change))
    }
  }
  return { stored, told: new Map([...told].map(([day, sums]) => [day, SpentByDay.heldOf(sums)])) }
})

/** Two runs of two calls each, of which a day has room for two, in a process that may die and one that comes after it. */
const life = Effect.fnUntraced(function*(
  backend: Backend,
  killAt?: { readonly count: number; readonly when: "before" | "after" }
) {
  const world: CrashHost.World = yield* CrashHost.makeOn({
    ...backend,
    write: (ops) =>
      Effect.tap(backend.write(ops), () =>
        Effect.orDie(Effect.map(books(world), ({ stored, told }) => {
          assert.deepStrictEqual(stored, told, "the books of a day are the sums of the journals")
          for (const { tokens = 0 } of stored.values()) assert.isAtMost(tokens, limit.tokens)
        })))
  })
  const called: Array<string> = []
  const first = yield* world.start(patient(called), killAt === undefined ? {} : { killAt })
  let host = first
  const acts = [
    ...["a", "b"].map((id) => () => startOne(host, id, 2)),
    ...Array.from({ length: 4 }, () => () => TestClock.adjust("1 day"))
  ]
  for (const act of acts) {
    yield* Effect.raceFirst(act(), deathOf(host))
    yield* host.settled
    if (!host.killed()) continue
    host = yield* world.restart(host, patient(called))
    // What was not acknowledged is asked for again.
    yield* act()
    yield* host.settled
  }
  const died = host !== first
  const runs = yield* world.backend.runs({ limit: 10 })
  assert.deepStrictEqual(runs.map(({ status }) => status), ["completed", "completed"])
  const entries = (yield* Effect.forEach(runs, ({ id }) => world.journal(id))).flat()
  return {
    calls: called.length,
    keys: new Set(called).size,
    refused: entries.some((entry) => entry._tag === "StepRequested" && entry.refused !== undefined),
    ...(died ? { died } : {})
  }
})

const deathOf = (host: CrashHost.Host) =>
  Effect.gen(function*() {
    while (!host.killed()) yield* Effect.yieldNow
  })

/** A run for which the day has no room, which is raised before a write of its process. */
const race = Effect.fnUntraced(function*(backend: Backend, before: number, paused: boolean) {
  let writes = 0
  let counts = false
  const raise = Effect.suspend(() =>
    backend.write([
      DayRaises.op({ id: "r", workflow: "patient", day: 0, micros: 0, ...limit, by: "ada", note: null, at: 0 })
    ])
  )
  const world = yield* CrashHost.makeOn({
    ...backend,
    write: (ops) =>
      Effect.suspend(() =>
        counts && ++writes === before ? Effect.andThen(raise, backend.write(ops)) : backend.write(ops)
      )
  })
  const host = yield* world.start(patient([]))
  yield* startOne(host, "a", 2)
  yield* host.settled
  counts = true
  const id = yield* startOne(host, "b", 1, 1_000)
  yield* host.settled
  if (paused) yield* world.tell(id, "pause", { by: "ada" })
  yield* TestClock.adjust(1_000)
  yield* host.settled
  if (paused) yield* world.tell(id, "resume", { by: "ada" })
  yield* world.look
  if (writes < before) yield* raise
  yield* world.look
  const { status } = yield* world.run(id)
  return { writes, status }
})
