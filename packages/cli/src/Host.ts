/**
 * The engine of one command: its services, and how this process comes to work
 * on runs.
 */
import type { Model } from "@fermata/agent/Model"
import { Contracts, type ContractsNeeds } from "@fermata/contracts/Contracts"
import { Llm } from "@fermata/contracts/Llm"
import type { StepKinds } from "@fermata/contracts/StepKind"
import { TaskRuntime } from "@fermata/contracts/TaskRuntime"
import { AccessTokens } from "@fermata/engine/AccessTokens"
import { AuditLog } from "@fermata/engine/AuditLog"
import type { StorageFailed } from "@fermata/engine/Backend"
import { Bulk } from "@fermata/engine/Bulk"
import { Chunks } from "@fermata/engine/Chunks"
import { Engine } from "@fermata/engine/Engine"
import { Events } from "@fermata/engine/Events"
import { HostClock } from "@fermata/engine/HostClock"
import { Retention } from "@fermata/engine/Retention"
import { RunExports } from "@fermata/engine/RunExports"
import { Runs } from "@fermata/engine/Runs"
import { Schedules } from "@fermata/engine/Schedules"
import { CurrentSource, type Source } from "@fermata/engine/Secrets"
import { Sensors } from "@fermata/engine/Sensors"
import { Store } from "@fermata/engine/Store"
import { Tasks } from "@fermata/engine/Tasks"
import { Tenants } from "@fermata/engine/Tenants"
import { Version } from "@fermata/engine/Workflows"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Sources } from "@fermata/operations/Sources"
import { Webhooks } from "@fermata/operations/Webhooks"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import { existsSync, mkdirSync, statSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { type CommandFailed, fromUnknown, refused } from "./CommandFailed.ts"
import * as Config from "./Config.ts"
import { fileLabel, readContract } from "./ContractFile.ts"
import type { Globals } from "./Globals.ts"
import * as ContractQueue from "./internal/ContractQueue.ts"
import * as Duplicates from "./internal/Duplicates.ts"
import { why } from "./JsonOption.ts"
import * as Kinds from "./Kinds.ts"
import * as KnownConfigs from "./KnownConfigs.ts"
import type { Here, Operator } from "./Operator.ts"
import { note, noteNow } from "./Output.ts"
import { refine } from "./Refine.ts"

/** How a command uses its host. */
export interface Options {
  /** For others that look at the processes of this database. */
  readonly command: string
  /** Take up any due run that is served here; else only what the command is about. */
  readonly worker?: boolean
  /** Take up nothing at all. */
  readonly idle?: boolean
  /** Write nothing at all, so that the database may be read-only; `untouched`: nothing of it changes in any case. */
  readonly readOnly?: boolean | "untouched"
  /** The database must be there already. */
  readonly existing?: boolean
  /** What is said where nobody has made the default database yet; it is not made then, and nothing else is done. */
  readonly absent?: string
  /** The configuration, where it was loaded before; else it is searched when it is needed. */
  readonly config?: Config.Loaded
  /** The kinds of steps that contracts may use, where they are known and the configuration is not. */
  readonly kinds?: StepKinds
}

/** The services of a command on a database of this machine, and the engine beneath them. */
export interface Host extends Operator, Here {
  readonly tokens: AccessTokens["Service"]
  readonly chunks: Chunks["Service"]
  readonly contracts: Contracts["Service"]
  /** The kinds of steps that contracts may use here: those of the configuration that is served, once there is one. */
  readonly kinds: StepKinds
  readonly events: Events["Service"]
  readonly store: Store["Service"]
  /** The services of the engine, for whatever is built on them. */
  readonly context: Context.Context<AccessTokens | Chunks | Engine | Events | HostClock | Runs | Store>
  /** Gives an effect of the library the services of this host. */
  readonly use: <A, E>(effect: Effect.Effect<A, E, Engine | Runs | Store>) => Effect.Effect<A, CommandFailed>
  /** The programs that are served here, as `name@version`. */
  readonly served: () => ReadonlyArray<string>
}

/** Opens the database and starts an engine on it. Both end with the scope. */
export const open = (globals: Globals, options: Options): Effect.Effect<Host, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    if (options.existing === true && !existsSync(globals.db)) return yield* noDatabase(globals)
    yield* makePlace(globals.db)
    const scope = yield* Effect.scope
    // Contracts are served from the first moment on, or events that are still on their way would reach nobody.
    const late = lateServices()
    const engine = NodeHost.layer({
      db: globals.db,
      worker: options.worker ?? false,
      ...(options.idle === true || options.readOnly !== undefined ? { maxAwake: 0 } : {}),
      ...(options.readOnly === undefined ? {} : { readOnly: options.readOnly }),
      ...(globals.leaseMs === undefined ? {} : { leaseMs: globals.leaseMs }),
      info: { command: options.command }
    })
    const context = yield* refine(
      Layer.buildWithScope(
        Layer.mergeAll(
          AccessTokens.layer,
          AuditLog.layer,
          Bulk.layer,
          Events.layer,
          Retention.layer,
          RunExports.layer,
          Runs.layer,
          Schedules.layer,
          Tasks.layer,
          Sources.layer,
          Tenants.layer
        ).pipe(
          Layer.provideMerge(Sensors.layer),
          (services) => Layer.provideMerge(Webhooks.layer, services),
          Layer.provideMerge(engine),
          Layer.provideMerge(late.layer)
        ),
        scope
      )
    )
    let serviced = yield* refine(contractsOf(options.kinds ?? Kinds.of(options.config?.config ?? {}), context, scope))
    const store = Context.get(context, Store)
    const hostClock = Context.get(context, HostClock)
    const engineService = Context.get(context, Engine)
    const epochs = new Map<string, Set<number>>()
    if (options.worker !== true && options.idle !== true && options.readOnly !== true) {
      yield* engineService.committed.pipe(
        Stream.runForEach(({ entries, run }) =>
          Effect.sync(() => {
            const own = epochs.get(run.id) ?? new Set()
            epochs.set(run.id, own)
            for (const { epoch } of entries) own.add(epoch)
          })
        ),
        // Listens before anything can be committed.
        Effect.forkScoped({ startImmediately: true })
      )
    }
    const served = new Map<string, string>()
    const lacks = new Map<string, string>()
    let place = ""
    const workflowEngine = Context.get(context, WorkflowEngine)
    const recording = Context.add(context, WorkflowEngine, {
      ...workflowEngine,
      register: (workflow, execute) => {
        const definition = `${workflow._tag}@${Context.get(workflow.annotations, Version)}`
        const before = served.get(definition)
        if (before !== undefined) return Effect.die(Duplicates.programs(definition, before, place))
        served.set(definition, place)
        return workflowEngine.register(workflow, execute)
      }
    })
    const loadFor = Effect.fnUntraced(function*(workflow: string | undefined) {
      const known = workflow === undefined ? undefined : yield* KnownConfigs.recall(globals.db, workflow)
      return yield* Config.load(globals.config ?? known, [process.cwd()])
    })
    const serve = Effect.fnUntraced(function*(workflow: string | undefined) {
      const loaded = options.config ?? (yield* loadFor(workflow))
      const { agents = [], llm, queue, secrets, tasks, workflows } = loaded.config
      if (options.readOnly === undefined) yield* checkModel(globals, loaded)
      const { egress, mcp, services, skills } = loaded.config
      const surroundings = [egress, mcp, services, skills].every((one) => one === undefined)
        ? undefined
        : yield* inConfig(
          loaded,
          "egress",
          Effect.flatMap(
            Effect.promise(() => import("./internal/Surroundings.ts")),
            (Surroundings) => Layer.buildWithScope(Surroundings.layer(loaded, globals.db), scope)
          )
        )
      const given = surroundings === undefined ? recording : Context.merge(recording, surroundings)
      const kinds = Kinds.of(loaded.config)
      if (kinds !== serviced.kinds || surroundings !== undefined) {
        // No run of a contract has been adopted yet; what this process may have taken up by itself is let go.
        yield* serviced.close
        serviced = yield* inConfig(
          loaded,
          "kinds",
          contractsOf(kinds, surroundings === undefined ? context : Context.merge(context, surroundings), scope)
        )
      }
      const Agents = agents.length > 0 || llm !== undefined
        ? yield* Effect.promise(() => import("./Agents.ts"))
        : undefined
      const opened = yield* Agents?.open(loaded.config, globals.model, tellModel) ?? Effect.undefined
      const model = llm === undefined ? Llm.layerElsewhere : Layer.provide(llm, Layer.succeedContext(opened!.untold))
      const llmService = yield* inConfig(loaded, "llm", service(Llm, model, scope))
      if (llmService.why !== undefined) {
        yield* note(`warning: runs of contracts with llm steps are left alone: ${llmService.why}`)
      }
      const source = secrets && Context.get(
        yield* inConfig(loaded, "secrets", Layer.buildWithScope(secrets, scope)),
        CurrentSource
      )
      const handlers = yield* service(TaskRuntime, TaskRuntime.layerHandlers(tasks ?? {}), scope)
      // A command that follows one run does the tasks of that run itself.
      const runtime = queue === undefined || options.worker !== true
        ? handlers
        : yield* ContractQueue.inQueue(context, queue, handlers).pipe(
          Scope.provide(scope),
          (queued) => inConfig(loaded, "queue", queued)
        )
      yield* late.set(runtime, llmService, source)
      for (const [index, workflow] of (workflows ?? []).entries()) {
        place = `workflows[${index}]`
        yield* inConfig(
          loaded,
          "workflows",
          Layer.buildWithScope(Layer.provide(workflow, Layer.succeedContext(given)), scope)
        )
      }
      for (const [index, { agent, layer }] of agents.entries()) {
        // A replay asks no model, nor does who only records a run.
        const lack = options.readOnly === undefined && options.idle !== true ? yield* opened!.lack(agent) : undefined
        if (lack !== undefined) {
          lacks.set(agent.name, lack)
          continue
        }
        place = `agents[${index}]`
        const needs = Layer.succeedContext(Context.merge(given, opened!.context))
        yield* inConfig(loaded, "agents", Layer.buildWithScope(Layer.provide(layer, needs), scope))
      }
      const { dispatch, machines = [] } = loaded.config
      for (const [index, machine] of machines.entries()) {
        place = `machines[${index}]`
        yield* inConfig(
          loaded,
          "machines",
          Layer.buildWithScope(Layer.provide(machine.layer, Layer.succeedContext(given)), scope)
        )
      }
      if (dispatch !== undefined && options.worker === true) {
        place = "dispatch"
        const needs = Context.merge(given, opened?.context ?? Context.empty()) as Context.Context<never>
        const services = Layer.succeedContext(Context.add(Context.merge(needs, context), Llm, llmService))
        yield* inConfig(
          loaded,
          "dispatch",
          Layer.buildWithScope(Layer.provide(dispatch.layer as never, services), scope)
        )
      }
      yield* addContracts(serviced, loaded, served)
      if (options.worker === true) {
        yield* inConfig(
          loaded,
          "egress",
          Effect.flatMap(
            Effect.promise(() => import("./internal/WebhookSending.ts")),
            (WebhookSending) =>
              Layer.buildWithScope(
                Layer.provide(
                  WebhookSending.layer(agents.map(({ agent }) => agent.name)),
                  Layer.succeedContext(surroundings === undefined ? context : Context.merge(context, surroundings))
                ),
                scope
              )
          )
        )
        yield* engineService.announce
      }
      return loaded
    })
    let serving: Effect.Effect<Config.Loaded, CommandFailed> | undefined
    const host: Host = {
      get here() {
        return host
      },
      there: undefined,
      contractOf: (id, version) =>
        Effect.map(refine(serviced.contracts.list), (all) => {
          const stored = all.find((one) => one.id === id && (version === undefined || one.version === version))
          return stored && { contract: stored.contract, kinds: serviced.kinds }
        }),
      runs: Context.get(context, Runs),
      bulk: Context.get(context, Bulk),
      tokens: Context.get(context, AccessTokens),
      tasks: Context.get(context, Tasks),
      webhooks: Context.get(context, Webhooks),
      schedules: Context.get(context, Schedules),
      tenants: Context.get(context, Tenants),
      exports: Context.get(context, RunExports),
      retention: Context.get(context, Retention),
      sensors: Context.get(context, Sensors),
      sources: Context.get(context, Sources),
      audit: Context.get(context, AuditLog),
      chunks: Context.get(context, Chunks),
      get contracts() {
        return serviced.contracts
      },
      get kinds() {
        return serviced.kinds
      },
      events: Context.get(context, Events),
      engine: engineService,
      store,
      context,
      use: (effect) => refine(Effect.provideContext(effect, context)),
      now: hostClock.now,
      sleep: hostClock.sleep,
      reap: refine(engineService.reap),
      serve: (workflow) =>
        Effect.suspend(() => {
          serving ??= Effect.runSync(Effect.cached(serve(workflow)))
          return serving
        }),
      served: () => [...served.keys()],
      lack: (workflow) => lacks.get(workflow),
      refine,
      look: refine,
      epochsOf: (runId) => epochs.get(runId) ?? new Set()
    }
    return host
  })

/** Refuses a model that nothing here would ask. */
export const checkModel = ({ model }: Globals, { config, file }: Config.Loaded): Effect.Effect<void, CommandFailed> =>
  model === undefined || (config.agents ?? []).length > 0 || config.llm !== undefined
    ? Effect.void
    : Effect.fail(refused(
      "ModelUnused",
      `--model ${model}: nothing here asks a model, since ${
        file === undefined ? "there is no fermata.config.ts" : `${fileLabel(file)} has neither "agents" nor "llm"`
      }`,
      ["leave it out, or name the configuration that has them with --config FILE"]
    ))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const noDatabase = ({ db, dbFrom }: Globals): CommandFailed =>
  refused(
    "DatabaseNotFound",
    `There is no database ${db}${
      dbFrom === "environment" ? " (from FERMATA_DB)" : dbFrom === "default" ? " in this folder" : ""
    }`,
    ["the first run makes one; --db FILE names another"]
  )

/** Makes the folder of the database, level by level: asked to do it at once, some file systems never answer. */
const makePlace = (db: string): Effect.Effect<void, CommandFailed> =>
  Effect.suspend(() => {
    if (existsSync(db)) {
      return statSync(db).isDirectory()
        ? Effect.fail(
          refused(
            "DatabaseInvalid",
            `The database cannot be ${db}, which is a folder; name a file in it, such as --db ${join(db, "fermata.db")}`
          )
        )
        : Effect.void
    }
    const make = (folder: string): void => {
      if (existsSync(folder)) {
        if (statSync(folder).isDirectory()) return
        throw new Error(`${folder} is no folder`)
      }
      make(dirname(folder))
      try {
        mkdirSync(folder)
      } catch (cause) {
        // Another process may have been first.
        if (!existsSync(folder)) throw cause
      }
    }
    return Effect.try({
      try: () => make(dirname(resolve(db))),
      catch: (cause) =>
        refused(
          "DatabaseInvalid",
          `The folder of the database ${db} cannot be made: ${why(cause)}; name another file with --db FILE`
        )
    })
  })

/** Contracts of these kinds, as long as they are served. */
interface Serviced {
  readonly kinds: StepKinds
  readonly contracts: Contracts["Service"]
  readonly close: Effect.Effect<void>
}

const contractsOf = Effect.fnUntraced(function*(
  kinds: StepKinds,
  context: Context.Context<ContractsNeeds>,
  scope: Scope.Scope
): Effect.fn.Return<Serviced, StorageFailed> {
  const own = yield* Scope.fork(scope)
  const layer = Layer.provide(Contracts.layerOf(kinds), Layer.succeedContext(context))
  const contracts = Context.get(yield* Layer.buildWithScope(layer, own), Contracts)
  return { kinds, contracts, close: Scope.close(own, Exit.void) }
})

const none: ReadonlyArray<string> = []

/** Services that are filled in when this process begins to work on runs. Until then nothing asks for them. */
const lateServices = () => {
  let tasks: TaskRuntime["Service"] | undefined
  let llm: Llm["Service"] | undefined
  let source: Source = Context.get(Context.empty(), CurrentSource)
  const missing = Effect.die(new Error("this process does not work on runs yet"))
  const announced = new Set<string>()
  return {
    layer: Layer.mergeAll(
      Layer.succeed(CurrentSource, { find: (name) => source.find(name) }),
      Layer.succeed(TaskRuntime, {
        get tasks() {
          return tasks?.tasks ?? none
        },
        submit: (request) => tasks?.submit(request) ?? missing
      }),
      Layer.succeed(Llm, {
        get elsewhere() {
          return llm?.elsewhere ?? llm === undefined
        },
        invoke: (request) =>
          Effect.tap(llm?.invoke(request) ?? missing, ({ model }) =>
            Effect.sync(() => {
              if (announced.has(model)) return
              announced.add(model)
              noteNow(model === "scripted" ? "  model: scripted (no LLM is called)" : `  model: ${model}`)
            }))
      })
    ),
    set: (newTasks: TaskRuntime["Service"], newLlm: Llm["Service"], newSource: Source | undefined) =>
      Effect.sync(() => {
        tasks = newTasks
        llm = newLlm
        source = newSource ?? source
      })
  }
}

/** Says which model is asked, so that nobody takes the words of a script for those of a model. */
const tellModel = ({ name, provider }: Model): void =>
  noteNow(`  model: ${name}${provider === "scripted" ? " (a script answers, and no provider is asked)" : ""}`)

const service = <I, S, E>(key: Context.Key<I, S>, layer: Layer.Layer<I, E>, scope: Scope.Scope): Effect.Effect<S, E> =>
  Effect.map(Layer.buildWithScope(layer, scope), (context) => Context.get(context, key))

const inConfig = <A, E>(
  { file }: Config.Loaded,
  field: string,
  effect: Effect.Effect<A, E>
): Effect.Effect<A, CommandFailed> =>
  Effect.catchCause(effect, (cause) => {
    if (Cause.hasInterrupts(cause)) return Effect.failCause(cause as Cause.Cause<never>)
    const { message } = fromUnknown(Cause.squash(cause))
    return Effect.fail(
      refused(
        "ConfigInvalid",
        `The "${field}" of ${file === undefined ? "the configuration" : fileLabel(file)} cannot be started: ${message}`
      )
    )
  })

/** Adds the contracts that a configuration names. One that is no good is told and left out, so that it does not stop the others. */
const addContracts = (
  { contracts, kinds }: Serviced,
  loaded: Config.Loaded,
  programs: ReadonlyMap<string, string>
): Effect.Effect<void, CommandFailed> =>
  Effect.gen(function*() {
    const read = yield* Effect.forEach(Config.contractFiles(loaded), (file) => leftOut(file, readContract(file, kinds)))
    const files = read.filter((file) => file !== undefined)
    const duplicate = Duplicates.contracts(files, programs)
    if (duplicate !== undefined) {
      return yield* refused(
        "ConfigInvalid",
        `The configuration ${fileLabel(loaded.file ?? "")} cannot be started: ${duplicate}`
      )
    }
    yield* Effect.forEach(files, ({ document, file }) => leftOut(file, contracts.add(document)), { discard: true })
  })

/** Does this with a contract; when it is no good, nothing, and says so. */
const leftOut = <A, E>(file: string, effect: Effect.Effect<A, E>): Effect.Effect<A | undefined> =>
  Effect.catchCause(effect, (cause) =>
    Cause.hasInterrupts(cause)
      ? Effect.failCause(cause as Cause.Cause<never>)
      : Effect.as(
        note(
          `warning: the contract ${fileLabel(file)} of the configuration is left out: ${
            fromUnknown(Cause.squash(cause)).message.split("\n")[0]
          }`
        ),
        undefined
      ))
