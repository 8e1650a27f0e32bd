/**
 * Contracts: the workflows that are JSON documents. Adds them to the store,
 * starts their runs by hand and by events, and serves those runs.
 */
import { type ContractInvalid, ContractNotFound, ContractRefused } from "@fermata/core/ContractErrors"
import { type PayloadRefused, StartRefused } from "@fermata/core/RunsErrors"
import type { Started } from "@fermata/core/RunStart"
import type { QuotaReached } from "@fermata/core/Tenant"
import type { StorageFailed } from "@fermata/engine/Backend"
import { sha256Hex } from "@fermata/engine/Digest"
import { Engine } from "@fermata/engine/Engine"
import { Events } from "@fermata/engine/Events"
import type { Definitions, Program } from "@fermata/engine/Extension"
import { HostClock } from "@fermata/engine/HostClock"
import * as HttpService from "@fermata/engine/HttpService"
import { Runs } from "@fermata/engine/Runs"
import { Schedules } from "@fermata/engine/Schedules"
import { checkKey, described } from "@fermata/engine/StartRequest"
import { Store } from "@fermata/engine/Store"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Contract from "./Contract.ts"
import * as ContractCalls from "./ContractCalls.ts"
import * as ContractDescription from "./ContractDescription.ts"
import { type Drawing, drawingOf } from "./ContractGraph.ts"
import * as ContractNeeds from "./ContractNeeds.ts"
import type { ContractProblem } from "./ContractProblem.ts"
import * as ContractProgram from "./ContractProgram.ts"
import * as ContractRegistry from "./ContractRegistry.ts"
import type { Head, Stored } from "./ContractRegistry.ts"
import * as ContractTrigger from "./ContractTrigger.ts"
import * as ContractValidation from "./ContractValidation.ts"
import * as ContractRoutes from "./internal/ContractRoutes.ts"
import * as ContractSchedules from "./internal/ContractSchedules.ts"
import { requestOf } from "./internal/ContractStart.ts"
import * as FirstFailure from "./internal/FirstFailure.ts"
import { Llm } from "./Llm.ts"
import { standardKinds } from "./StandardKinds.ts"
import type { HostServices, StepKinds } from "./StepKind.ts"
import type { OutputOf } from "./StepShape.ts"
import * as Submission from "./Submission.ts"
import { type Handlers, type ServicesOf, TaskRuntime } from "./TaskRuntime.ts"

export { ContractNotFound, ContractRefused }

/** Which contract is started, and with what. */
export interface StartOptions {
  /** The id of a contract in the store, or a document, which is added first. */
  readonly contract: string | object
  /** The newest when absent. Of a document, its own. */
  readonly version?: string
  /** What the run sees as `input`; the payload of the event when absent. */
  readonly input?: Schema.Json
  /** The event that the run is to see as what started it. With an id it starts one run however often it is given. */
  readonly event?: { readonly name: string; readonly payload: Schema.Json; readonly id?: string }
  /** Runs of one contract with one key are one run. */
  readonly key?: string
  readonly by?: string
  /** What the run is about, in a few words: shown in lists. When absent, what its contract says (`runTitle`), its key, or the first short text of its input. */
  readonly title?: string
  /** By which it is found in lists: at most 20 names of up to 63 characters, with texts of up to 200. */
  readonly labels?: Readonly<Record<string, string>>
}

/** A contract whose runs this process leaves to others. */
export interface Unserved {
  readonly id: string
  readonly version: string
  readonly hash: string
  /** What is missing here, such as "no handler for the task ...". */
  readonly lacks: ReadonlyArray<string>
}

/** What is told of a contract that was added. */
export interface ContractAdded extends Pick<Stored, "at" | "hash" | "id" | "title" | "version"> {}

/** The contracts of a store: added, listed and started. */
export class Contracts extends Context.Service<Contracts, {
  /**
   * Adds a contract, given as a parsed JSON document. Every mistake of an
   * invalid one is named. Adding the same again changes nothing.
   */
  readonly add: (document: unknown) => Effect.Effect<Stored, ContractInvalid | ContractRefused | StorageFailed>
  /** Every version of every contract, by id, the newest first. */
  readonly list: Effect.Effect<ReadonlyArray<Stored>, StorageFailed>
  /** A contract in this version, or the newest. */
  readonly get: (id: string, version?: string) => Effect.Effect<Stored, ContractNotFound | StorageFailed>
  /** What every contract says beside its steps, by id, the newest first; also where its steps are of kinds that are not here. */
  readonly heads: Effect.Effect<ReadonlyArray<Head>, StorageFailed>
  /** The document of a contract in this version, or the newest, as it is stored: with its defaults filled in. */
  readonly document: (
    id: string,
    version?: string
  ) => Effect.Effect<{ readonly head: Head; readonly document: unknown }, ContractNotFound | StorageFailed>
  /** Every mistake of a parsed JSON document, as `add` would find them; none in a valid one. */
  readonly check: (document: unknown) => Effect.Effect<ReadonlyArray<ContractProblem>, StorageFailed>
  /** A contract in this version, or the newest, as a graph. */
  readonly graph: (id: string, version?: string) => Effect.Effect<Drawing, ContractNotFound | StorageFailed>
  /** The contracts of the store whose runs this process does not take up, and why. */
  readonly unserved: Effect.Effect<ReadonlyArray<Unserved>, StorageFailed>
  /** Starts a run, or joins the one that its key or event stands for. Success means that it is recorded. */
  readonly start: (
    options: StartOptions
  ) => Effect.Effect<
    Started,
    ContractInvalid | ContractRefused | ContractNotFound | PayloadRefused | StartRefused | QuotaReached | StorageFailed
  >
}>()("@fermata/contracts/Contracts") {
  /**
   * Serves contracts: runs of any contract in the store whose tasks and model
   * are here are executed here, events that this process hands on start and
   * reach the runs of all, and `Runs.start` takes contracts too.
   */
  static readonly layer: Layer.Layer<Contracts, StorageFailed, ContractsNeeds> = Layer.suspend(() =>
    Contracts.layerOf(standardKinds)
  )

  /** The same for contracts whose steps are of these kinds. */
  static readonly layerOf = <R = never>(
    kinds: StepKinds<R>
  ): Layer.Layer<Contracts, StorageFailed, ContractsNeeds | R> => Layer.effect(Contracts, make(kinds))

  /**
   * All that a host needs to serve contracts, with the verbs beside it: one line
   * on `NodeHost.layer` or `TestHost.layer`. Where there is no `llm`, contracts
   * with `llm` steps are left to a process that has one.
   */
  static readonly layerServing = <const H extends Handlers = {}, E = never, L = never, R = never>(
    { kinds, llm, tasks }: Serving<H, E, L, R> = {}
  ): Layer.Layer<
    Contracts | Events | Runs,
    StorageFailed | E,
    Engine | Store | HostClock | ServicesOf<H> | L | R
  > =>
    Layer.merge(Runs.layer, kinds === undefined ? Contracts.layer : Contracts.layerOf(kinds)).pipe(
      Layer.provideMerge(Events.layer),
      Layer.provide(Layer.merge(TaskRuntime.layerHandlers(tasks ?? {} as H), llm ?? Llm.layerElsewhere))
    )
}

/** What a process has for the steps of contracts. */
export interface Serving<H extends Handlers, E = never, L = never, R = never> {
  /** The work of `task` steps, by the names of tasks. */
  readonly tasks?: H
  /** The model of `llm` steps. */
  readonly llm?: Layer.Layer<Llm, E, L>
  /** The kinds of steps; the standard ones when absent. */
  readonly kinds?: StepKinds<R>
}

/** What `Contracts.layer` needs of the host. */
export type ContractsNeeds = Engine | Store | HostClock | Events | TaskRuntime | Llm

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How often (ms, host time) this process looks for contracts that listen to events of the engine. */
const refreshMs = 1_000

const make = <R>(kinds: StepKinds<R>) =>
  Effect.gen(function*() {
    const services = yield* Effect.context<Store | HostClock | HostServices | R>()
    const engine = Context.get(services, Engine)
    const hostClock = Context.get(services, HostClock)
    const { backend } = Context.get(services, Store)
    const registry = ContractRegistry.make(backend, kinds)
    yield* registry.refresh
    const saySchedules = ContractSchedules.make(yield* Schedules.make, registry, backend.supports.writes !== false)

    const outputs = Effect.map(registry.all, (all): OutputOf => {
      const known = ContractCalls.outputsOf(all.map(({ contract }) => contract))
      // A version that is named never changes; which one is the newest does.
      return (call) => call.version === undefined ? undefined : known(call)
    })

    const add = Effect.fn("Contracts.add")(function*(document: unknown) {
      const contract = yield* ContractValidation.validate(document, kinds, yield* outputs)
      const canonical = Contract.canonicalJson(contract, kinds)
      const now = Math.floor(yield* Clock.currentTimeMillis)
      const stored = ContractRegistry.storedOf(contract, yield* sha256Hex(canonical), now)
      const { known: before, result } = yield* engine.define({
        name: stored.id,
        version: stored.version,
        kind: "contract",
        hash: stored.hash,
        schemas: ContractProgram.schemasOf(contract),
        document: canonical,
        at: stored.at
      }, ({ known }): ContractAdded => {
        const { id, title, version } = stored
        return { id, version, title, hash: stored.hash, at: known?.at ?? stored.at }
      })
      if (result === "refused") {
        return yield* new ContractRefused({
          contract: stored.id,
          version: stored.version,
          hash: stored.hash,
          stored: before?.kind === "contract" ? before.hash : ""
        })
      }
      if (result !== "same") {
        registry.changed()
        yield* registry.refresh
        yield* saySchedules
      }
      return before === null ? stored : { ...stored, at: before.at }
    })

    const get = Effect.fn("Contracts.get")(function*(id: string, version?: string) {
      return yield* pick(yield* registry.all, id, version)
    })

    const heads = Effect.map(backend.definitions, ContractRegistry.headsOf)

    const document = Effect.fn("Contracts.document")(function*(id: string, version?: string) {
      const head = yield* pick(yield* heads, id, version)
      const row = yield* backend.definition(id, head.version)
      return { head, document: JSON.parse(row?.document ?? "null") as unknown }
    })

    const graph = Effect.fn("Contracts.graph")(function*(id: string, version?: string) {
      return drawingOf((yield* get(id, version)).contract, kinds)
    })

    const check = Effect.fn("Contracts.check")(function*(document: unknown) {
      return ContractValidation.check(document, kinds, yield* outputs).problems
    })

    const start = Effect.fn("Contracts.start")(function*({ contract, version, ...given }: StartOptions) {
      yield* checkKey(typeof contract === "string" ? contract : String(Reflect.get(contract, "id")), given.key)
      const stored = typeof contract === "string" ? yield* get(contract, version) : yield* add(contract)
      return yield* engine.start(yield* described(yield* requestOf(stored, given, kinds), given))
    })

    const request: Definitions["request"] = Effect.fnUntraced(function*({ hash, name }, payload, options) {
      const stored = yield* registry.byHash(hash)
      if (stored === undefined) {
        const unreadable = (yield* registry.unreadable).find((other) => other.hash === hash)
        return yield* new StartRefused({
          workflow: name,
          problem: unreadable === undefined || unreadable.kinds.length === 0
            ? "its document cannot be read by this build"
            : `this process has ${ContractRegistry.lackOf(unreadable)}`
        })
      }
      const { event } = options
      const eventName = event === undefined ? undefined : event.name ?? ContractTrigger.eventOf(stored.contract)
      if (event !== undefined && eventName === undefined) {
        return yield* new StartRefused({
          workflow: name,
          problem: "it names no single event that triggers it; name the event that is meant"
        })
      }
      return yield* requestOf(stored, {
        input: payload as Schema.Json,
        by: options.by,
        key: options.new === true ? undefined : options.key,
        ...(event === undefined || eventName === undefined
          ? {}
          : { event: { name: eventName, payload: event.payload as Schema.Json } })
      }, kinds)
    })

    const runtime = Context.get(services, TaskRuntime)
    const llm = Context.get(services, Llm)
    const asked = Context.get(services, HttpService.CurrentServices).list.map(({ entry }) => entry.name)
    const offer = () => ({ tasks: runtime.tasks, model: llm.elsewhere !== true, services: asked })
    /** Contracts that runs name and the store does not have. */
    const absent = new Set<string>()
    let left:
      | { readonly count: number; readonly offer: ContractNeeds.Offer; readonly hashes: ReadonlyArray<string> }
      | undefined
    const unserved = () => {
      const now = offer()
      const count = registry.decoded.size + absent.size
      if (
        left === undefined || left.count !== count || left.offer.tasks !== now.tasks || left.offer.model !== now.model
      ) {
        const hashes = Array.from(registry.decoded).flatMap(([hash, stored]) =>
          stored === undefined || !ContractNeeds.isNone(ContractNeeds.lacking(stored.contract, now, kinds))
            ? [hash]
            : []
        )
        left = { count, offer: now, hashes: [...hashes, ...absent] }
      }
      return left.hashes
    }

    const compiled = new Map<string, Program>()
    const resolve: Definitions["resolve"] = Effect.fnUntraced(function*({ definition }, { evenIfUnserved }) {
      if (definition === null) return undefined
      const stored = yield* registry.byHash(definition)
      if (stored === undefined) {
        if (!registry.decoded.has(definition)) absent.add(definition)
        return undefined
      }
      // A contract that was added since is met here first; from now on its runs are not claimed.
      if (!evenIfUnserved && unserved().includes(definition)) return undefined
      const known = compiled.get(definition)
      if (known !== undefined) return known
      const made = ContractProgram.executable(stored.contract, services, kinds)
      compiled.set(definition, made)
      return made
    })

    yield* engine.extend({
      name: "contracts",
      definitions: {
        kind: "contract",
        resolve,
        offer,
        unserved,
        request,
        describe: (document) => ContractDescription.of(document, kinds),
        // A run sees its input beside the event that triggered it.
        tellsOf: FirstFailure.toldBy,
        withInput: (payload, input) => typeof payload === "object" ? { ...payload, input } : input,
        tell: Submission.tell
      },
      route: ContractRoutes.make(backend, registry, kinds),
      listensTo: registry.listensTo
    })
    // What another process adds is noticed by itself only here: a route looks anyway.
    if (backend.supports.shared) {
      yield* Effect.forkScoped(
        Effect.forever(
          Effect.andThen(hostClock.sleep(refreshMs), Effect.ignore(Effect.andThen(registry.refresh, saySchedules)))
        )
      )
    }

    const unservedNow = Effect.gen(function*() {
      const lacking = (yield* registry.all).map(({ contract, hash, id, version }): Unserved => ({
        id,
        version,
        hash,
        lacks: ContractNeeds.sentences(ContractNeeds.lacking(contract, offer(), kinds))
      }))
      const unreadable = (yield* registry.unreadable).map((stored): Unserved => ({
        id: stored.id,
        version: stored.version,
        hash: stored.hash,
        lacks: [ContractRegistry.lackOf(stored)]
      }))
      return [...lacking.filter(({ lacks }) => lacks.length > 0), ...unreadable]
    })

    return Contracts.of({
      add,
      list: registry.all,
      get,
      heads,
      document,
      check,
      graph,
      unserved: unservedNow,
      start
    })
  })

/** The one of this version, or the first of this id. */
const pick = <A extends { readonly id: string; readonly version: string }>(
  all: ReadonlyArray<A>,
  id: string,
  version: string | undefined
): Effect.Effect<A, ContractNotFound> => {
  const named = all.filter((one) => one.id === id)
  const found = version === undefined ? named[0] : named.find((one) => one.version === version)
  return found === undefined
    ? Effect.fail(
      new ContractNotFound({
        contract: id,
        ...(version === undefined ? {} : { version }),
        known: (named.length > 0 ? named : all).map((one) => `${one.id}@${one.version}`)
      })
    )
    : Effect.succeed(found)
}
