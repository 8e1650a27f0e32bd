/** Programs in which everything happens at once: what has torn journals of engines before. */
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"

const Ping = Signal.make("ping", { schema: Schema.Int })

const work = Step.make("work", {
  input: Schema.Int,
  success: Schema.Int,
  onCrash: "rerun",
  run: (turns) =>
    Effect.as(Effect.forEach(Array.from({ length: turns % 4 }), () => Effect.yieldNow, { discard: true }), turns)
})

const payload = { id: Schema.String, size: Schema.Int }
const define = <const Name extends string>(name: Name) =>
  Workflow.make(name, { payload, success: Schema.Unknown, idempotencyKey: ({ id }) => id })

const range = (size: number) => Array.from({ length: size }, (_, index) => index)

/** Parallel steps race a signal, over and over. */
const StepsAgainstSignals = define("steps-against-signals")
/** Timers race signals that are sent at the very moment. */
const TimersAgainstSignals = define("timers-against-signals")
/** Children of children end while their parents suspend. */
const Nested = define("nested")
/** Many signals at one run. */
const Signals = define("signals")
/** Many steps at once. */
const FanOut = define("fan-out")
/** A cancel comes as the run completes. */
const CancelAgainstEnd = define("cancel-against-end")
/** Sleepers that wake, and wake another, at one instant. */
const SameInstant = define("same-instant")

export const layer = Layer.mergeAll(
  StepsAgainstSignals.toLayer(Effect.fnUntraced(function*({ size }) {
    let steps = 0
    for (let round = 0; round < 3; round++) {
      const won = yield* Effect.raceFirst(
        Effect.as(Effect.forEach(range(size), work, { concurrency: "unbounded" }), "steps"),
        Effect.as(Signal.receive(Ping), "signal")
      )
      if (won === "steps") steps++
      yield* work(round)
    }
    return steps
  })),
  TimersAgainstSignals.toLayer(Effect.fnUntraced(function*({ size }) {
    const won: Array<string> = []
    for (const _ of range(size)) {
      won.push(
        yield* Effect.raceFirst(Effect.as(Effect.sleep("1 hour"), "timer"), Effect.as(Signal.receive(Ping), "signal"))
      )
    }
    return won
  })),
  Nested.toLayer(Effect.fnUntraced(function*({ id, size }) {
    if (size <= 0) return yield* work(1)
    return yield* Effect.all([
      Nested.execute({ id: `${id}.a`, size: size - 1 }),
      Effect.andThen(Effect.sleep(size % 2 === 0 ? "1 hour" : "1 millis"), work(2)),
      Nested.execute({ id: `${id}.b`, size: size - 2 })
    ], { concurrency: "unbounded" })
  })),
  Signals.toLayer(Effect.fnUntraced(function*({ size }) {
    let sum = 0
    for (const _ of range(size)) sum += yield* Signal.receive(Ping)
    return sum
  })),
  FanOut.toLayer(Effect.fnUntraced(function*({ size }) {
    const done = yield* Effect.forEach(range(size), work, { concurrency: "unbounded" })
    return done.length
  })),
  CancelAgainstEnd.toLayer(({ size }) => Effect.andThen(Effect.sleep("1 hour"), work(size))),
  SameInstant.toLayer(Effect.fnUntraced(function*({ size }) {
    yield* Effect.all(range(size).map(() => Effect.sleep("1 hour")), { concurrency: "unbounded" })
    const paused = yield* Effect.timeoutOption(Effect.sleep("1 hour"), "1 hour")
    return paused._tag
  })),
  Runs.layer
)

const send = (runId: string, count: number) =>
  Effect.forEach(
    range(count),
    (number) => Effect.ignore(Signal.send(Ping, { runId, payload: number, id: `ping-${number}` })),
    {
      concurrency: "unbounded",
      discard: true
    }
  )

const cancel = (runId: string) => Effect.ignore(Runs.use((runs) => runs.cancel(runId, { by: "ada", reason: "enough" })))

/** Starts one run of every shape, `size` wide, and has signals and cancels come while they run and as their timers end. */
export const storm = (name: string, size: number, width: number) =>
  Effect.gen(function*() {
    const steps = yield* StepsAgainstSignals.execute({ id: name, size: width }, { discard: true })
    const timers = yield* TimersAgainstSignals.execute({ id: name, size: 3 }, { discard: true })
    yield* Nested.execute({ id: name, size: 3 }, { discard: true })
    const signals = yield* Signals.execute({ id: name, size }, { discard: true })
    yield* FanOut.execute({ id: name, size: width }, { discard: true })
    const end = yield* CancelAgainstEnd.execute({ id: name, size: 1 }, { discard: true })
    yield* SameInstant.execute({ id: name, size: 3 }, { discard: true })
    yield* Effect.forkDetach(Effect.all([
      send(steps, 3),
      send(signals, size),
      Effect.andThen(Effect.sleep("1 hour"), Effect.all([send(timers, 1), cancel(end)], { concurrency: "unbounded" })),
      Effect.andThen(Effect.sleep("2 hours"), send(timers, 2))
    ], { concurrency: "unbounded", discard: true }))
  })
