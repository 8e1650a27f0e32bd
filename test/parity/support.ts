/**
 * What the parity tests share: small programs, what they did outside the
 * engine, hosts that serve contracts, and how runs stand.
 */
import { assert } from "@effect/vitest"
import { Contract, StandardShapes } from "@fermata/contracts"
import { Contracts, type StartOptions } from "@fermata/contracts/Contracts"
import { Llm } from "@fermata/contracts/Llm"
import { type Handlers, TaskRuntime } from "@fermata/contracts/TaskRuntime"
import { type JournalEntry } from "@fermata/core"
import { type Backend, MemoryBackend, Runs, Step } from "@fermata/engine"
import { Events } from "@fermata/engine/Events"
import type { EventMessage } from "@fermata/engine/StartRequest"
import { SqliteBackend } from "@fermata/host-node"
import type { CrashHost } from "@fermata/testing"
import { TestHost } from "@fermata/testing/TestHost"
import { Context, type Duration, Effect, Exit, Layer, Option, Schema, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Workflow, type WorkflowEngine } from "effect/workflow"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** What happened outside the engine, in order. */
export class Log {
  readonly entries: Array<string> = []
  readonly add = (entry: string) => Effect.sync(() => void this.entries.push(entry))
  readonly count = (entry: string) => this.entries.filter((other) => other === entry).length
}

/** A business error. */
export class Declined extends Schema.TaggedError<Declined>()("Declined", { reason: Schema.String }) {}

/** A step that logs that its body ran, and gives its input back. */
export const echo = (log: Log, name = "echo") =>
  Step.make(name, {
    input: Schema.String,
    success: Schema.String,
    onCrash: "rerun",
    run: (text) => Effect.as(log.add(`${name} ${text}`), text)
  })

/** A workflow with the payload `{ id }`, keyed by it. */
export const define = <const Name extends string>(name: Name) =>
  Workflow.make(name, {
    payload: { id: Schema.String },
    success: Schema.Unknown,
    error: Declined,
    idempotencyKey: ({ id }) => id
  })

interface Definition<A, E> {
  readonly execute: (
    payload: { readonly id: string },
    options: { readonly discard: true }
  ) => Effect.Effect<string, never, WorkflowEngine.WorkflowEngine>
  readonly poll: (
    id: string
  ) => Effect.Effect<Option.Option<Workflow.Result<A, E>>, never, WorkflowEngine.WorkflowEngine>
}

/** Starts a run on this host, lets it go as far as it can by itself, and returns its id. */
export const begin = (host: CrashHost.Host, workflow: Definition<unknown, unknown>, id = "1"): Effect.Effect<string> =>
  Effect.tap(host.use(workflow.execute({ id }, { discard: true })), host.settled)

/** How the run ended, or undefined. */
export const exitOf = <A, E>(
  host: CrashHost.Host,
  workflow: Definition<A, E>,
  id: string
): Effect.Effect<Exit.Exit<A, E> | undefined> =>
  Effect.map(
    Effect.exit(host.use(workflow.poll(id))),
    (polled) => {
      if (Exit.isFailure(polled)) return Exit.failCause(polled.cause)
      return Option.isSome(polled.value) && polled.value.value._tag === "Complete" ? polled.value.value.exit : undefined
    }
  )

/** Asserts that the run has completed with this value. */
export const assertOutput = Effect.fnUntraced(
  function*<A, E>(host: CrashHost.Host, workflow: Definition<A, E>, id: string, expected: A) {
    assert.deepStrictEqual(yield* exitOf(host, workflow, id), Exit.succeed(expected))
  }
)

/** Moves the test clock and lets the host act on what came due. */
export const pass = (host: Pick<CrashHost.Host, "settled">, duration: Duration.Input) =>
  host.settled.pipe(Effect.andThen(TestClock.adjust(duration)), Effect.andThen(host.settled))

/** Gives way to other fibers for a bounded time. */
export const giveWay = Effect.fnUntraced(function*(turns = 200) {
  for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
})

/** The operator's verbs on this host. */
export const verbs = (host: CrashHost.Host) => host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))

/** The entries of this kind in a journal. */
export const only = <T extends JournalEntry.Tag>(
  entries: ReadonlyArray<JournalEntry.JournalEntry>,
  tag: T
): ReadonlyArray<JournalEntry.EntryOf<T>> =>
  entries.filter((entry): entry is JournalEntry.EntryOf<T> => entry._tag === tag)

// ----------------------------------------------------------------------------
// contracts
// ----------------------------------------------------------------------------

type Verbs = Contracts | Events | Runs.Runs

/** What a host of contracts is made of; each part has none of its kind by default. */
export interface Parts {
  readonly tasks?: Layer.Layer<TaskRuntime>
  readonly llm?: Layer.Layer<Llm>
  /** Loggers, policies and whatever else surrounds the host. */
  readonly around?: Layer.Layer<never>
  readonly start?: CrashHost.StartOptions
}

/** A host that serves contracts, and its services. */
export interface ContractHost extends CrashHost.Host {
  readonly contracts: Contracts["Service"]
  readonly events: Events["Service"]
  readonly runs: Runs.Runs["Service"]
}

/** Everything that serves contracts, on what a host gives. */
export const stack = ({ llm = Llm.layerNone, tasks = TaskRuntime.layerNone }: Parts) =>
  Runs.Runs.layer.pipe(
    Layer.provideMerge(Contracts.layer),
    Layer.provideMerge(Events.layer),
    Layer.provide(Layer.merge(tasks, llm))
  )

/** Starts a host of contracts in a world. */
export const serve = Effect.fnUntraced(function*(world: CrashHost.World, parts: Parts = {}) {
  let services!: Context.Context<Verbs>
  const capture = Layer.effectDiscard(Effect.map(Effect.context<Verbs>(), (found) => void (services = found)))
  const host = yield* world.start(Layer.provide(capture, stack(parts)), parts.start).pipe(
    Effect.provide(parts.around ?? Layer.empty)
  )
  return {
    ...host,
    contracts: Context.get(services, Contracts),
    events: Context.get(services, Events),
    runs: Context.get(services, Runs.Runs)
  } satisfies ContractHost
})

/** Kills a host of contracts and starts another once the lease of the first has ended. */
export const serveAgain = Effect.fnUntraced(function*(world: CrashHost.World, host: ContractHost, parts: Parts = {}) {
  yield* host.kill
  yield* world.adjustHost(10_001)
  return yield* serve(world, parts)
})

/** Handlers of tasks in this process. */
export const handlers = (tasks: Handlers): Layer.Layer<TaskRuntime> =>
  TaskRuntime.layerHandlers(tasks) as Layer.Layer<TaskRuntime>

/** A contract of these steps; the first is the entry, and it may do everything. */
export const contract = (steps: ReadonlyArray<Loose>, more: Loose = {}) => ({
  schemaVersion: Contract.schemaVersion,
  id: "c",
  version: "1.0.0",
  title: "C",
  permissions: [{ kind: "event:emit", pattern: "**" }, { kind: "llm:invoke" }, { kind: "task:run" }, {
    kind: "workflow:call"
  }, { kind: "http:request" }],
  entryStepId: steps[0]?.["id"],
  steps: steps.map((step) => ({ name: step["id"], ...step })),
  ...more
})
export type Loose = { readonly [field: string]: unknown }

/** Adds a contract, starts a run of it, and lets it go as far as it can by itself. */
export const run = Effect.fnUntraced(
  function*(
    host: Pick<ContractHost, "contracts" | "settled">,
    document: object,
    given: Omit<StartOptions, "contract"> = {}
  ) {
    const { runId } = yield* host.contracts.start({ contract: document, ...given })
    yield* host.settled
    return runId
  }
)

/** Puts a contract into a store as an earlier build may have done, without asking whether this build would take it. */
export const smuggle = (backend: Backend.Backend, document: object) => {
  const valid = Schema.decodeUnknownSync(Contract.schemaOf(StandardShapes.standardShapes))(document)
  return Effect.orDie(backend.write([{
    op: "define",
    row: {
      name: valid.id,
      version: valid.version,
      kind: "contract",
      hash: valid.id,
      schemas: "{}",
      document: Contract.canonicalJson(valid),
      at: 0
    }
  }]))
}

/** What a task that was handed over came to, said as anybody may say it. */
export const complete = (
  host: Pick<ContractHost, "events" | "settled">,
  runId: string,
  stepId: string,
  output: Schema.Json
) => Effect.andThen(host.events.emit("engine.step.completed", { runId, stepId, output }), host.settled)

/** An event with a payload that is an object. */
export interface Heard extends EventMessage {
  readonly payload: Loose
}

/** Collects the events of this host whose names match, from now on. */
export const hear = Effect.fnUntraced(function*(host: Pick<ContractHost, "events">, pattern = "**") {
  const heard: Array<Heard> = []
  yield* Effect.forkChild(
    Stream.runForEach(host.events.subscribe(pattern), (event) => Effect.sync(() => void heard.push(event as Heard))),
    {
      startImmediately: true
    }
  )
  return heard
})

/** A folder that goes with the scope. */
export const temporaryFolder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-parity-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** A host of contracts on any backend; it ends with the scope. */
export const serveOn = Effect.fnUntraced(function*(backend: Backend.Backend, parts: Parts = {}) {
  const host = Layer.provideMerge(stack(parts), TestHost.layerOf(backend))
  const services = yield* Layer.build(host).pipe(Effect.provide(parts.around ?? Layer.empty))
  const { settled } = Context.get(services, TestHost)
  return {
    contracts: Context.get(services, Contracts),
    events: Context.get(services, Events),
    runs: Context.get(services, Runs.Runs),
    settled
  }
})

/** Every kind of store that a host can have, each empty. SQLite lives in a file that goes with the scope. */
export const backends: Readonly<
  Record<"memory" | "SQLite", Effect.Effect<Backend.Backend, Backend.StorageFailed, Scope.Scope>>
> = {
  memory: Effect.sync(() => MemoryBackend.make(MemoryBackend.makeStore())),
  SQLite: Effect.flatMap(temporaryFolder, (folder) => SqliteBackend.make({ file: join(folder, "runs.db") }))
}
