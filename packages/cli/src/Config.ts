/**
 * `fermata.config.ts`: what a project adds to the command. Its workflows, its
 * contracts, and the tasks and the model that contracts use.
 */
import type * as Agent from "@fermata/agent/Agent"
import type { McpServer } from "@fermata/agent/mcp/McpServer"
import type { Models } from "@fermata/agent/Model"
import type { Provider } from "@fermata/agent/model/Models"
import type * as Scripted from "@fermata/agent/model/Scripted"
import type { Llm } from "@fermata/contracts/Llm"
import type { StepKind } from "@fermata/contracts/StepKind"
import type { TaskContext } from "@fermata/contracts/TaskRuntime"
import { didYouMean } from "@fermata/core/Suggestion"
import type { TaskRequest } from "@fermata/core/Task"
import type { Chunks } from "@fermata/engine/Chunks"
import type { EgressPolicy } from "@fermata/engine/EgressPolicy"
import type { Engine } from "@fermata/engine/Engine"
import type { HostClock } from "@fermata/engine/HostClock"
import type { Services } from "@fermata/engine/HttpService"
import type { Store } from "@fermata/engine/Store"
import type { Tasks } from "@fermata/engine/Tasks"
import type { HostSql } from "@fermata/host-node/HostSql"
import type { Machine } from "@fermata/operations/Machine"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import { globSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { type CommandFailed, refused } from "./CommandFailed.ts"
import { find, isFile, label, mayNameServer } from "./ConfigFile.ts"
import * as AgentsBelow from "./internal/AgentsBelow.ts"
import * as KnownConfigs from "./KnownConfigs.ts"
import * as ServerEntry from "./ServerEntry.ts"

/** What the command gives to the layers of a configuration. */
export type HostServices = Engine | WorkflowEngine | Store | HostClock | HostSql | Chunks

/** Does the work of a task. Whatever services it needs it brings along. */
export type TaskHandler = (input: Schema.Json, context: TaskContext) => Effect.Effect<Schema.Json | void, unknown>

/** An agent, and the layer that serves its runs: complete but for what the host gives, and for the models. */
export interface ConfiguredAgent {
  readonly agent: Agent.Any
  readonly layer: Layer.Layer<never, unknown, HostServices | Models>
}

/** What a project adds to the command. */
export interface FermataConfig {
  /**
   * The file of another configuration, of which this one has all that it does not say itself: an absolute path, or one
   * from the folder of this configuration. Tasks and MCP servers are taken over by their names, everything else as a
   * whole. What belongs to one machine thus stands in a file outside of what is copied to all of them.
   */
  readonly extends?: string
  /** The layers of workflows that are written as programs, complete but for what the host gives. */
  readonly workflows?: ReadonlyArray<Layer.Layer<never, unknown, HostServices>>
  /** Patterns of contract files, from the folder of the configuration. */
  readonly contracts?: string | ReadonlyArray<string>
  /** Handlers of the tasks of contracts, by name. */
  readonly tasks?: Readonly<Record<string, TaskHandler>>
  /**
   * The queue in which the tasks of contracts wait for their turn, by its name, or with how many of them a process does
   * at a time (1 when absent): of runs that workers and servers have. Without it, and in a command that follows one run,
   * whoever has the run does its tasks at once.
   */
  readonly queue?: string | { readonly name: string; readonly concurrency?: number }
  /**
   * Who does tasks: `Dispatch.make({ ... })` of `@fermata/operations`, or one with more given to its `layer`. Workers
   * serve it, and `tasks add` takes no task that it does not do.
   */
  readonly dispatch?: {
    readonly layer: Layer.Layer<never, unknown, HostServices | Llm | Models | Tasks>
    readonly intake: (request: TaskRequest) => Effect.Effect<TaskRequest, { readonly message: string }>
  }
  /** Machines whose instances workers have, made with `Machine.make` of `@fermata/operations`; `Templates.all` has two. */
  readonly machines?: ReadonlyArray<Machine>
  /** The model of the `llm` steps of contracts; it may ask the models of agents, as `ModelLlm.layer` does. */
  readonly llm?: Layer.Layer<Llm, unknown, Models>
  /** Kinds of steps that contracts may use beside the standard ones, made with `StepKind.make`. Whatever services they need they bring along. */
  readonly kinds?: ReadonlyArray<StepKind>
  /** Agents, those that others give work to among them. */
  readonly agents?: ReadonlyArray<ConfiguredAgent>
  /** Where secrets are, such as `Secrets.layerEnv()` of `@fermata/host-node`, for all that stands here; a layer that says so itself goes by that. */
  readonly secrets?: Layer.Layer<never>
  /**
   * Where programs and agents may go on the network, beside the base URLs of
   * their models: nowhere by default. `EgressPolicy.open` is every public address.
   */
  readonly egress?: Partial<EgressPolicy>
  /** The folder of the skills of agents that name none of their own, from the folder of the configuration. */
  readonly skills?: string
  /** The MCP servers whose tools agents may have, by the names that agents call them by: `McpHttp.server(...)`, or `McpStdio.server(...)` of `@fermata/agent-node`. */
  readonly mcp?: Readonly<Record<string, McpServer>>
  /** What agents that name none of their own, and `http` steps of contracts, may ask over HTTP: `HttpService.make({ services: [...] })`. */
  readonly services?: Services
  /**
   * The server that has the runs of the project: commands that work on a database or at a
   * server work there, unless the command line or the environment names another place.
   */
  readonly server?: ServerEntry.ServerEntry
  /** Providers of the models that agents ask; without it Anthropic, by the key in `ANTHROPIC_API_KEY`. */
  readonly models?: ReadonlyArray<Provider>
  /** What the model `scripted` says, which no agent asks that is not told to by `--model scripted`: a function, or an answer for each turn. */
  readonly scripted?: Scripted.Script | ReadonlyArray<ReadonlyArray<Scripted.Said> | string>
}

/**
 * Types a configuration; returns it as it is.
 *
 * @example
 * ```ts
 * export default defineConfig({
 *   contracts: "contracts/*.json",
 *   tasks: { "analyze-ticket": (input) => Effect.succeed({ seen: input }) }
 * })
 * ```
 */
export const defineConfig = (config: FermataConfig): FermataConfig => config

/** A configuration with the file that it comes from; an empty one when there is no file. */
export interface Loaded {
  readonly file: string | undefined
  readonly config: FermataConfig
}

/**
 * The configuration of this file, or the nearest in or above the folders, tried
 * in order. None is no error, except when the file was named.
 */
export const load = (
  file: string | undefined,
  folders: ReadonlyArray<string>
): Effect.Effect<Loaded, CommandFailed> =>
  Effect.suspend(() => {
    if (file !== undefined) {
      return isFile(file)
        ? read(resolve(file))
        : Effect.fail(refused("ConfigNotFound", `--config: there is no file ${file}`))
    }
    for (const folder of folders) {
      const found = find(folder)
      if (found !== undefined) return read(found)
    }
    return Effect.succeed({ file: undefined, config: {} })
  })

/**
 * The configuration that is named or nearest; where there is none, the one that
 * last worked on this workflow in this database, or on any.
 */
export const loadOrRecall = Effect.fnUntraced(function*(
  { config, db }: { readonly config: string | undefined; readonly db: string },
  folders: ReadonlyArray<string>,
  workflow?: string
): Effect.fn.Return<Loaded, CommandFailed> {
  const loaded = yield* load(config, folders)
  if (loaded.file !== undefined) return loaded
  const known = yield* KnownConfigs.recall(db, workflow)
  return known === undefined ? loaded : yield* load(known, [])
})

/** The contract files that a configuration names, in order of their names. */
export const contractFiles = ({ config, file }: Loaded): ReadonlyArray<string> => {
  if (file === undefined || config.contracts === undefined) return []
  const folder = dirname(file)
  return globSync(config.contracts, { cwd: folder }).map((name) => resolve(folder, name)).sort()
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** `below` are the files that extend this one, the first of them last. */
const read = (file: string, below: ReadonlyArray<string> = []): Effect.Effect<Loaded, CommandFailed> =>
  Effect.tryPromise({
    try: () => import(pathToFileURL(file).href) as Promise<{ readonly default?: unknown }>,
    catch: (cause) => broken(file, `cannot be loaded: ${loadProblem(cause)}`)
  }).pipe(
    Effect.flatMap(Effect.fnUntraced(function*(module) {
      const problem = problemOf(module.default)
      if (problem !== undefined) return yield* broken(file, problem)
      const own = module.default as FermataConfig
      if (own.server !== undefined && !mayNameServer(file)) {
        return yield* broken(
          file,
          "has its \"server\" from elsewhere, where commands that only look do not see it; name it in the file itself, such as server: base.server"
        )
      }
      const config = own.extends === undefined ? own : extended(yield* readBase(file, own.extends, below), own)
      const { kinds = [] } = config
      const twice = kinds.length === 0 ? undefined : yield* kindTwice(kinds)
      if (twice !== undefined) {
        return yield* broken(file, `has in "kinds" a second kind "${twice}"; give it another name`)
      }
      const wrong = AgentsBelow.problemOf(config.agents ?? [])
      if (wrong !== undefined) return yield* broken(file, wrong)
      return { file, config }
    }))
  )

const readBase = (
  file: string,
  base: string,
  below: ReadonlyArray<string>
): Effect.Effect<Loaded, CommandFailed> => {
  const found = resolve(dirname(file), base)
  const chain = [file, ...below]
  if (chain.includes(found)) {
    const circle = [found, ...chain.slice(0, chain.indexOf(found) + 1)].toReversed()
    return Effect.fail(broken(file, `extends itself: ${circle.map(label).join(" extends ")}`))
  }
  return isFile(found)
    ? read(found, chain)
    : Effect.fail(
      broken(
        file,
        `extends "${base}", and there is no file ${found}; give an absolute path, or one from its own folder`
      )
    )
}

/** What a configuration is that extends another: paths of that one stay where they were. */
const extended = (base: Loaded, { extends: _, ...own }: FermataConfig): FermataConfig => {
  const folder = dirname(base.file!)
  const { contracts, mcp, skills, tasks } = base.config
  return {
    ...base.config,
    ...(contracts === undefined ? {} : { contracts: [contracts].flat().map((pattern) => resolve(folder, pattern)) }),
    ...(skills === undefined ? {} : { skills: resolve(folder, skills) }),
    ...Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)),
    ...byName("tasks", tasks, own.tasks),
    ...byName("mcp", mcp, own.mcp)
  }
}

const byName = <A>(field: string, base: Readonly<Record<string, A>> = {}, own: Readonly<Record<string, A>> = {}) => {
  const all = { ...base, ...own }
  return Object.keys(all).length === 0 ? {} : { [field]: all }
}

const broken = (file: string, problem: string): CommandFailed =>
  refused("ConfigInvalid", `The configuration ${label(file)} ${problem}`)

const loadProblem = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  // Node puts the place of a syntax error before its stack, and nowhere else.
  const line = /^(?:file:|\/)\S+:(\d+)\n/.exec(cause.stack ?? "")?.[1]
  return `${cause.name}: ${cause.message.split("\n")[0]}${line === undefined ? "" : ` (line ${line})`}`
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isText = (value: unknown): boolean => typeof value === "string" && value !== ""

const fields: {
  readonly [K in keyof Required<FermataConfig>]:
    | readonly [holds: (value: unknown) => boolean, expected: string]
    | ((value: unknown) => string | undefined)
} = {
  extends: [isText, "the file of another configuration, such as \"../fermata.config.ts\""],
  workflows: [
    (value) => Array.isArray(value) && value.every(Layer.isLayer),
    "a list of layers, such as Purchase.toLayer(...)"
  ],
  contracts: [
    (value) => isText(value) || (Array.isArray(value) && value.every(isText)),
    "a pattern of files, or a list of them"
  ],
  tasks: [
    (value) => isObject(value) && Object.values(value).every((handler) => typeof handler === "function"),
    "an object with a function for each task"
  ],
  queue: [
    (value) =>
      isQueue(value) || (isObject(value) && isQueue(value["name"]) &&
        (value["concurrency"] === undefined ||
          (Number.isInteger(value["concurrency"]) && Number(value["concurrency"]) > 0)) &&
        Object.keys(value).every((name) => name === "name" || name === "concurrency")),
    "the name of a queue, such as \"jobs\", or { name: \"jobs\", concurrency: 4 }"
  ],
  dispatch: [
    (value) => isObject(value) && Layer.isLayer(value["layer"]) && typeof value["intake"] === "function",
    "who does tasks, such as Dispatch.make({ adapters: { ... } })"
  ],
  machines: [
    (value) =>
      Array.isArray(value) &&
      value.every((one) =>
        isObject(one) && isText(one["name"]) && isObject(one["states"]) && Layer.isLayer(one["layer"])
      ),
    "a list of machines, such as Templates.all"
  ],
  llm: [Layer.isLayer, "a layer of Llm, such as Llm.layerScripted([...])"],
  kinds: [
    (value) => Array.isArray(value) && value.every(isKind),
    "a list of kinds of steps, such as StepKind.make({ kind: \"shout\", ... })"
  ],
  agents: [
    (value) => Array.isArray(value) && value.every(isAgent),
    "a list of agents with their layers, such as { agent: Reviewer, layer: Reviewer.layer }"
  ],
  models: [
    (value) => Array.isArray(value) && value.every((one) => isObject(one) && typeof one["find"] === "function"),
    "a list of providers, such as Anthropic.provider()"
  ],
  secrets: [Layer.isLayer, "a layer that says where secrets are, such as Secrets.layerEnv()"],
  egress: [isObject, "a policy, such as { hosts: [\"api.example.com\"] }"],
  skills: [isText, "a folder, such as \"skills\""],
  mcp: [
    (value) =>
      isObject(value) && Object.values(value).every((one) => isObject(one) && typeof one["line"] === "function"),
    "an object with a server for each name, such as McpHttp.server({ url: \"https://mcp.example.com/mcp\" })"
  ],
  services: [
    (value) => isObject(value) && Array.isArray(value["list"]),
    "services, such as HttpService.make({ services: [{ name: \"crm\", baseUrl: \"https://crm.example\" }] })"
  ],
  server: ServerEntry.problemOf,
  scripted: [
    (value) => typeof value === "function" || Array.isArray(value),
    "a function of a request, or a list with an answer for each turn"
  ]
}

const isQueue = (value: unknown): boolean =>
  isText(value) && /^[a-z0-9][a-z0-9._-]{0,62}$/.test(value as string) && !(value as string).startsWith("engine.")

const isAgent = (value: unknown): boolean =>
  isObject(value) && Layer.isLayer(value["layer"]) && isObject(value["agent"]) && isText(value["agent"]["name"]) &&
  Array.isArray(value["agent"]["models"])

/** As far as whatever reads a contract goes by it. */
const isKind = (value: unknown): boolean =>
  isObject(value) && isText(value["kind"]) && isObject(value["schema"]) && isObject(value["check"]) &&
  isObject(value["graph"]) && typeof value["needs"] === "function" && typeof value["run"] === "function"

/** A name that two kinds have, of those of a configuration and the standard ones. */
const kindTwice = (kinds: ReadonlyArray<StepKind>): Effect.Effect<string | undefined> =>
  Effect.map(Effect.promise(() => import("@fermata/contracts/StandardShapes")), ({ standardShapes }) => {
    const names = [...standardShapes, ...kinds].map(({ kind }) => kind)
    return names.find((name, index) => names.indexOf(name) !== index)
  })

/** The first thing that is wrong with a default export, as the rest of a sentence. */
const problemOf = (config: unknown): string | undefined => {
  if (config === undefined) return "has no default export; write export default defineConfig({ ... })"
  if (!isObject(config)) {
    return `exports ${
      Array.isArray(config) ? "a list" : `a ${typeof config}`
    } by default; write export default defineConfig({ ... })`
  }
  for (const [name, value] of Object.entries(config)) {
    if (!Object.hasOwn(fields, name)) {
      const meant = didYouMean(name, Object.keys(fields))
      return `has the unknown field "${name}"; ${
        meant === undefined ? `known are ${Object.keys(fields).join(", ")}` : `did you mean "${meant}"?`
      }`
    }
    if (value === undefined) continue
    const check = fields[name as keyof FermataConfig]
    const problem = typeof check === "function"
      ? check(value)
      : check[0](value)
      ? undefined
      : `must have in "${name}" ${check[1]}`
    if (problem !== undefined) return problem
  }
  return undefined
}
