/**
 * The engine: makes workflows durable on the store of the host.
 */
import type { Started } from "@fermata/core/RunStart"
import type { QuotaReached } from "@fermata/core/Tenant"
import * as Context from "effect/Context"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import type { Answers, DefineOp, DefinitionRow, StorageFailed } from "./Backend.ts"
import * as CurrentTenant from "./CurrentTenant.ts"
import { EngineOptions } from "./EngineOptions.ts"
import type { Committed, Description, Extension } from "./Extension.ts"
import { HostClock } from "./HostClock.ts"
import * as Acting from "./internal/Acting.ts"
import { hostCrypto } from "./internal/BodyServices.ts"
import * as EncodedEngine from "./internal/EncodedEngine.ts"
import * as EngineRuntime from "./internal/EngineRuntime.ts"
import * as EventSweep from "./internal/EventSweep.ts"
import { Extensions } from "./internal/Extensions.ts"
import { identified } from "./internal/Identity.ts"
import * as Joins from "./internal/Joins.ts"
import * as Registrations from "./internal/Registrations.ts"
import * as RetentionSweep from "./internal/RetentionSweep.ts"
import { runtimes } from "./internal/Runtimes.ts"
import * as SensorSweep from "./internal/SensorSweep.ts"
import * as TaskSweep from "./internal/TaskSweep.ts"
import { inTenant, type StartRequest } from "./StartRequest.ts"
import { Store } from "./Store.ts"
import * as Watchdog from "./Watchdog.ts"

/** The engine of one process: the runs that it owns, and how it loads, evicts and watches them. A host provides it. */
export class Engine extends Context.Service<Engine, {
  /** The name under which this process owns runs. */
  readonly ownerId: string
  /** What runs of this process commit, from now on: each run's entries in order, once they are in the store. Interrupted when the engine closes. */
  readonly committed: Stream.Stream<Committed>
  /** Lets every parked run out of memory; its next delivery replays it. */
  readonly evict: Effect.Effect<void>
  /** Waits until nothing is on its way in this process: what is left waits for time, for others, or for step bodies. */
  readonly settled: Effect.Effect<void>
  /** Number of runs in memory. */
  readonly awake: Effect.Effect<number>
  /**
   * Takes up the runs of this tree although this process is no worker; with
   * `evenIfUnserved` also those of documents that need what is not here, as to stop them.
   */
  readonly adopt: (root: string, options?: { readonly evenIfUnserved?: boolean }) => Effect.Effect<void>
  /** Looks at what others have written to the store now, and not only at the next `pollMs`: for hosts that are told of it. */
  readonly look: Effect.Effect<void>
  /**
   * Ends this engine as `kill -9` ends its process: it writes nothing more, and
   * no fiber of it is interrupted or finalized. For tests of crashes; an orderly
   * end is the end of the layer's scope.
   */
  readonly crash: Effect.Effect<void>
  /** Frees the runs of processes that are dead, without waiting for the next heartbeat. */
  readonly reap: Effect.Effect<void, StorageFailed>
  /** What extensions offer is something else now: takes up what this process serves by it, and tells others at once. */
  readonly announce: Effect.Effect<void>
  /**
   * Takes what a package outside of the engine brings, until the scope closes;
   * then the runs of its documents are let go. One whose kind of documents is
   * taken is refused, which is a defect.
   */
  readonly extend: (extension: Extension) => Effect.Effect<void, never, Scope.Scope>
  /**
   * Stores a definition. One of the same name and version with another document is
   * refused, and so is one of another kind. `answer` is what a request that asks
   * for it (`Actor`) is answered with.
   */
  readonly define: (
    definition: DefinitionRow,
    answer?: (answer: Answers["define"]) => unknown
  ) => Effect.Effect<Answers["define"], StorageFailed>
  /** What the extension for its kind says of a stored document. Undefined for a program, where no extension has the kind, and for a document that cannot be read. */
  readonly describe: (definition: Pick<DefinitionRow, "document" | "kind">) => Description | undefined
  /**
   * Starts a run, or joins the one of its id, in the tenant of whoever asks. Success
   * means that it is recorded. A tenant that has so many open runs as it may have gets no other.
   */
  readonly start: (request: StartRequest) => Effect.Effect<Started, StorageFailed | QuotaReached>
}>()("@fermata/engine/Engine") {
  /**
   * The engine over a `Store`, with `effect/workflow`'s engine service on it.
   * Closing the layer lets runs go without running a finalizer of theirs. Who
   * waits for a run from outside, or follows one, is interrupted by that.
   */
  static readonly layer: Layer.Layer<
    Engine | WorkflowEngine.WorkflowEngine,
    StorageFailed,
    Store | HostClock
  > = Layer.effectContext(
    Effect.gen(function*() {
      const store = yield* Store
      const hostClock = yield* HostClock
      const options = yield* EngineOptions
      const ambient = yield* Effect.context<never>()
      const ownerId = options.ownerId !== "" ? options.ownerId : idOf(Context.get(ambient, WebCrypto).randomUUID())
      const runtime = EngineRuntime.make(
        store,
        hostClock,
        options,
        ownerId,
        ambient,
        new Extensions(Registrations.ofDocument)
      )

      const workflowEngine = identified(
        EncodedEngine.make(
          runtime,
          (row) =>
            Effect.map(store.journal(row.id, row.length - 1, 1), (entries) => EncodedEngine.endOf(entries.at(-1)))
        )
      )

      const settled = Effect.gen(function*() {
        // What one turn leaves behind may only be scheduled for the next.
        for (let quiet = 0; quiet < 4; quiet = runtime.isSettled() ? quiet + 1 : 0) yield* Effect.yieldNow
      })

      const engine = Engine.of({
        ownerId,
        committed: Stream.callback<Committed>((queue) =>
          Effect.andThen(
            runtime.waiters.interruptStream(queue),
            runtime.extensions.observe((committed) => void Queue.offerUnsafe(queue, committed))
          )
        ),
        evict: Effect.sync(() => runtime.pool.parked.evict()),
        settled,
        awake: Effect.sync(() => runtime.pool.size),
        adopt: (root, options) =>
          Effect.sync(() => {
            runtime.ownership.adopt(root)
            if (options?.evenIfUnserved === true) runtime.ownership.adoptUnserved(root)
            runtime.rounds.poke()
          }),
        look: Effect.sync(() => runtime.rounds.poke()),
        crash: Effect.sync(runtime.crash),
        reap: runtime.ownership.reap,
        announce: Effect.suspend(() => {
          runtime.rounds.poke()
          return runtime.loops.heartbeat
        }),
        extend: (extension) =>
          Effect.acquireRelease(
            Effect.contextWith((given: Context.Context<never>) => {
              const refused = runtime.extensions.add(extension, runtime.bodies.nearest(given))
              if (refused !== undefined) return Effect.die(refused)
              runtime.rounds.poke()
              return Effect.void
            }),
            () =>
              Effect.suspend(() => {
                runtime.extensions.remove(extension)
                const kind = extension.definitions?.kind
                return kind === undefined ? Effect.void : runtime.pool.letGo((executor) => executor.row.kind === kind)
              })
          ),
        define: (definition, answer = () => null) =>
          Effect.ensuring(
            Effect.flatMap(
              Acting.of(runtime.host.now, {
                action: `${definition.kind}.add`,
                target: `${definition.name}@${definition.version}`,
                detail: { hash: definition.hash }
              }, answer),
              (act) => Acting.write(runtime.writer.write<DefineOp>, { op: "define", row: definition }, act)
            ),
            Effect.sync(() => runtime.extensions.documents.defined())
          ),
        describe: (definition) => runtime.extensions.documents.describe(definition),
        start: Effect.fnUntraced(function*(asked) {
          const request = inTenant(asked, yield* CurrentTenant.current)
          const { started } = yield* runtime.starts.start(request, { isTraffic: false })
          return {
            runId: request.id,
            joined: !started,
            otherInput: !started && (yield* Joins.hasOtherInput(runtime.store, request.id, request.payload))
          }
        })
      })
      runtimes.set(engine, runtime)
      const context = Context.make(Engine, engine).pipe(
        Context.add(WorkflowEngine.WorkflowEngine, workflowEngine),
        Context.add(WebCrypto, hostCrypto(Context.get(ambient, WebCrypto)))
      )
      runtime.bodies.provide(context as Context.Context<never>)
      // A process that can own no run sends no heartbeat.
      if (runtime.ownership.isOwner) {
        yield* runtime.loops.heartbeat
        yield* Effect.forkScoped(runtime.loops.beat)
      }
      if (runtime.ownership.writes) yield* Effect.forkScoped(runtime.loops.main)
      yield* Effect.forkScoped(runtime.loops.poll)
      if (options.worker) {
        const watched = {
          backend: store.backend,
          options,
          now: runtime.host.now,
          poke: runtime.rounds.poke,
          hostSleep: runtime.host.hostSleep,
          hostNow: runtime.host.hostNow,
          hostElapsed: runtime.host.hostElapsed,
          ownerId: runtime.ownership.ownerId,
          get closed() {
            return runtime.rounds.closed
          }
        }
        yield* Effect.forkScoped(Watchdog.run(watched))
        yield* Effect.forkScoped(EventSweep.run(watched))
        yield* Effect.forkScoped(SensorSweep.run(watched))
        yield* Effect.forkScoped(RetentionSweep.run(watched))
        yield* Effect.forkScoped(TaskSweep.run(watched))
      }
      yield* Effect.addFinalizer(() => runtime.close)
      runtime.rounds.poke()
      return context
      // The engine is of no tenant, whoever has begun it.
    }).pipe(Effect.provideService(CurrentTenant.CurrentTenant, undefined))
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The name of a process among those of its store: 48 random bits in 10 characters, since every run that it has in memory bears it. */
const idOf = (uuid: string): string =>
  Number.parseInt(uuid.replaceAll("-", "").slice(-12), 16).toString(36).padStart(10, "0")
