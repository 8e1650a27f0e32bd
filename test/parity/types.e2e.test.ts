/** What does not compile, each beside what does: one run of the compiler answers for all. */
import { assert, describe, it } from "@effect/vitest"
import { typeErrors } from "./TypeCheck.ts"

/** An engine with contracts, without one of its parts. */
const engineWithout = (leftOut?: string) => `
  import { Engine } from "@fermata/engine/Engine"
  import { HostClock } from "@fermata/engine/HostClock"
  import { Store } from "@fermata/engine/Store"
  import { Llm } from "@fermata/contracts/Llm"
  import { TaskRuntime } from "@fermata/contracts/TaskRuntime"
  import { Contracts } from "@fermata/contracts/Contracts"
  import { Events } from "@fermata/engine/Events"
  import { Layer } from "effect"
  const parts = {
    events: Events.layer,
    engine: Engine.layer,
    storage: Store.layerMemory,
    clock: HostClock.layerManual(),
    runtime: TaskRuntime.layerNone,
    intelligence: Llm.layerNone
  }
  export const layer: Layer.Layer<Contracts, unknown> = Contracts.layer${
  ["events", "engine", "storage", "clock", "runtime", "intelligence"]
    .filter((part) => part !== leftOut)
    .map((part) => `.pipe(Layer.provideMerge(parts.${part}))`)
    .join("")
}`

const documentWithKind = (kind: string) => `
  import { Contract } from "@fermata/contracts"
  export const document: Contract.ContractDocument = {
    schemaVersion: Contract.schemaVersion,
    id: "my-agent",
    version: "1.0.0",
    title: "My agent",
    entryStepId: "tell",
    steps: [{ id: "tell", name: "Tell", kind: ${JSON.stringify(kind)}, event: "my.started", next: null }]
  }`

const program = (run: string) => `
  import { Step } from "@fermata/engine"
  import { TestHost } from "@fermata/testing/TestHost"
  import { Effect, Layer, Schema } from "effect"
  import { Workflow, WorkflowEngine } from "effect/workflow"
  const step = Step.make("s", { onCrash: "rerun", run: () => Effect.void })
  const W = Workflow.make("W", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })
  const layer = W.toLayer(() => step())
  const program = W.execute({ id: "1" })
  export const run: Effect.Effect<unknown, unknown> = ${run}`

const registry = (type: string, handlers: string) => `
  import { TaskRuntime } from "@fermata/contracts/TaskRuntime"
  import { Context, Effect, type Layer } from "effect"
  class Files extends Context.Service<Files, { readonly read: Effect.Effect<string> }>()("Files") {}
  export const layer${type} = TaskRuntime.layerHandlers(${handlers})`

const errors = typeErrors({
  present: `
    import { Contract, TicketTriage } from "@fermata/contracts"
    import { Contracts } from "@fermata/contracts/Contracts"
    import type { Events } from "@fermata/engine/Events"
    import { TaskRuntime } from "@fermata/contracts/TaskRuntime"
    export const version: "fermata.contract.v1" = Contract.schemaVersion
    export const id: string = TicketTriage.ticketTriageContract.id
    export type Emit = Events["Service"]["emit"]
    export const parts = [Contracts.layer, TaskRuntime.layerNone]`,
  absent: `import { Nothing } from "@fermata/contracts/Contracts"\nexport const nothing = Nothing`,
  wholeEngine: engineWithout(),
  engineWithoutEvents: engineWithout("events"),
  engineWithoutStorage: engineWithout("storage"),
  engineWithoutClock: engineWithout("clock"),
  engineWithoutRuntime: engineWithout("runtime"),
  rightKind: documentWithKind("emit"),
  wrongKind: documentWithKind("emits"),
  programOnEngine: program(`program.pipe(Effect.provide(Layer.provideMerge(layer, TestHost.layer)))`),
  programWithoutEngine: program("program"),
  programOnForeignEngine: program(
    "program.pipe(Effect.provide(Layer.provideMerge(layer, WorkflowEngine.layerMemory)))"
  ),
  freeHandler: registry(": Layer.Layer<TaskRuntime>", "{ summarize: (input) => Effect.succeed({ input }) }"),
  needyHandler: registry(
    ": Layer.Layer<TaskRuntime, never, Files>",
    "{ read: () => Files.use(({ read }) => read) }"
  ),
  handlerWithHiddenNeed: registry(": Layer.Layer<TaskRuntime>", "{ read: () => Files.use(({ read }) => read) }"),
  numberAsHandler: registry("", "{ summarize: 42 }"),
  handlerOfMap: registry("", "{ summarize: () => Effect.succeed(new Map()) }")
})

describe("the compiler", () => {
  it("C-01: finds the engine and the contracts with their types, and misses what they do not have", () => {
    assert.deepStrictEqual(errors.present, [])
    assert.lengthOf(errors.absent, 1)
  })

  it("C-02: refuses an engine that lacks a part, and names the part", () => {
    assert.deepStrictEqual(errors.wholeEngine, [])
    assert.include(errors.engineWithoutEvents.join(), "Events")
    assert.include(errors.engineWithoutStorage.join(), "Store")
    assert.include(errors.engineWithoutClock.join(), "HostClock")
    assert.include(errors.engineWithoutRuntime.join(), "TaskRuntime")
  })

  it("C-25: refuses a document with a wrong kind of step", () => {
    assert.deepStrictEqual(errors.rightKind, [])
    assert.lengthOf(errors.wrongKind, 1)
    assert.include(errors.wrongKind[0], "\"emits\"")
  })

  it("P-26: refuses a program without an engine, and one on an engine that has no steps", () => {
    assert.deepStrictEqual(errors.programOnEngine, [])
    assert.include(errors.programWithoutEngine[0], "WorkflowEngine")
    assert.include(errors.programOnForeignEngine[0], "not assignable")
  })

  it("P-29: knows what a registry's handlers need, and refuses what is no handler", () => {
    assert.deepStrictEqual(errors.freeHandler, [])
    assert.deepStrictEqual(errors.needyHandler, [])
    assert.include(errors.handlerWithHiddenNeed.join(), "Files")
    assert.include(errors.numberAsHandler.join(), "not assignable")
    assert.include(errors.handlerOfMap.join(), "not assignable")
  })
})
