/**
 * Counts what the processor has to do for runs, in a process of its own, since V8 counts for a whole process: prints
 * one line of JSON, from the name of each piece of work to what it came to.
 */
import { Engine, Runs, Signal, Step } from "@fermata/engine"
import { NodeHost } from "@fermata/host-node"
import { Effect, Layer, Schema } from "effect"
import { Workflow, WorkflowEngine } from "effect/workflow"
import { Session } from "node:inspector"

const [db] = process.argv.slice(2)

const step = Step.make("step", {
  input: { i: Schema.Int },
  success: Schema.Int,
  onCrash: "rerun",
  run: ({ i }) => Effect.succeed(i)
})
const Go = Signal.make("go", { schema: Schema.Int })

const Steps = Workflow.make("steps", {
  payload: { id: Schema.String, count: Schema.Int },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})
const Waits = Workflow.make("waits", {
  payload: { id: Schema.String },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})

const app = Layer.merge(
  Steps.toLayer(Effect.fnUntraced(function*({ count }) {
    for (let i = 0; i < count; i++) yield* step({ i })
    return count
  })),
  Waits.toLayer(() => Signal.receive(Go))
)

/** Calls of functions so far, of Fermata's own and of Effect's, since the last time this was asked. */
const calls = (() => {
  const session = new Session()
  session.connect()
  session.post("Profiler.enable")
  session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false })
  return () => {
    const counted = { fermata: 0, effect: 0 }
    session.post("Profiler.takePreciseCoverage", (error, coverage) => {
      if (error !== null) throw error
      for (const { functions, url } of coverage.result) {
        const whose = /\/packages\/[\w-]+\/src\//.test(url)
          ? "fermata"
          : url.includes("/node_modules/effect/")
          ? "effect"
          : undefined
        if (whose !== undefined) { for (const { ranges } of functions) counted[whose] += ranges[0]?.count ?? 0 }
      }
    })
    return counted
  }
})()

const asked = { json: 0, characters: 0, timers: 0, turns: 0 }
const watch = <const Name extends string>(
  object: { [name in Name]: (...values: Array<never>) => unknown },
  name: Name,
  told: (values: ReadonlyArray<unknown>, result: unknown) => void
) => {
  const original = object[name]
  object[name] = (...values: Array<never>) => {
    const result = Reflect.apply(original, object, values)
    told(values, result)
    return result
  }
}
const text = (text: unknown) => {
  asked.json++
  if (typeof text === "string") asked.characters += text.length
}
watch(JSON, "stringify", (_, made) => text(made))
watch(JSON, "parse", ([given]) => text(given))
watch(globalThis, "setTimeout", () => void asked.timers++)
watch(globalThis, "setImmediate", () => void asked.turns++)

// Nothing looks at the store by itself, so that only what the run asks for is counted.
const host = app.pipe(
  Layer.provideMerge(Runs.Runs.layer),
  Layer.provideMerge(NodeHost.layer({ db: db!, synchronous: "NORMAL", pollMs: 1e9, leaseMs: 1e9 }))
)

const program = Effect.gen(function*() {
  const settled = Effect.flatMap(Engine.Engine, (engine) => engine.settled)
  const counted = <A, E>(work: Effect.Effect<A, E, WorkflowEngine.WorkflowEngine | Runs.Runs>) =>
    Effect.gen(function*() {
      calls()
      Object.assign(asked, { json: 0, characters: 0, timers: 0, turns: 0 })
      yield* work
      yield* settled
      return { ...calls(), ...asked }
    })
  const figures: Record<string, unknown> = {}
  for (const round of ["warm-up", "again", "counted"]) {
    for (const count of [0, 1, 5, 20]) {
      figures[`a run of ${count} steps`] = yield* counted(Steps.execute({ id: `${round} ${count}`, count }))
    }
    const id = yield* Waits.execute({ id: round }, { discard: true })
    yield* settled
    figures["a signal and the end of the run"] = yield* counted(
      Runs.Runs.use((runs) => runs.signal(id, "go", 1))
    )
  }
  return figures
})

process.stdout.write(`${JSON.stringify(await Effect.runPromise(Effect.provide(program, host)))}\n`)
