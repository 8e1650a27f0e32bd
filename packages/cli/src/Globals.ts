/**
 * The options that every command takes.
 */
import * as Tenant from "@fermata/core/Tenant"
import type { Actor } from "@fermata/engine/Actor"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { userInfo } from "node:os"
import { type CommandFailed, refused } from "./CommandFailed.ts"
import * as ConfigFile from "./ConfigFile.ts"
import { repeat } from "./Invocation.ts"
import * as ServerPlace from "./ServerPlace.ts"
import { Typed } from "./Sides.ts"

const notEmpty = Flag.filter((text: string) => text.trim() !== "", () => "expected a text that is not empty")

/** An option that is a text, which may be left out. */
const textOption = <const Name extends string>(name: Name, metavar: string, description: string) =>
  GlobalFlag.Setting(name)({
    flag: Flag.String(name).pipe(
      Flag.withMetavar(metavar),
      Flag.withDescription(description),
      notEmpty,
      Flag.optional
    )
  })

/** The levels of what is logged, as they are typed. */
const logLevels = { debug: "Debug", info: "Info", warn: "Warn", error: "Error", none: "None" } as const

const expectedLevel = "expected debug, info, warn, error or none"

const isLogFormat = (text: string): text is "text" | "json" => text === "text" || text === "json"

const expectedFormat = "expected text or json"

const Db = textOption("db", "FILE", "The database with the runs; default .fermata/fermata.db, or FERMATA_DB")

const Server = textOption(
  "server",
  "URL",
  "The server that has the runs, by its URL; default FERMATA_SERVER, or that of the configuration. Its token is in FERMATA_TOKEN"
)

const TokenFile = textOption("token-file", "FILE", "The file with the token for the server; default FERMATA_TOKEN_FILE")

const Config = textOption("config", "FILE", "The configuration; default the nearest fermata.config.ts above")

const Json = GlobalFlag.Setting("json")({
  flag: Flag.Boolean("json").pipe(
    Flag.withoutNegation,
    Flag.withDescription("Print JSON on stdout and nothing else there: one document, or NDJSON for lists and streams"),
    Flag.withDefault(false)
  )
})

const TenantOption = textOption(
  "tenant",
  "NAME",
  "The tenant whose runs, events, questions and tokens are meant, and no others; default FERMATA_TENANT"
)

const As = textOption("as", "WHO", "Who acts, as recorded; default FERMATA_AS, or your login name")

const Model = textOption(
  "model",
  "NAME",
  "The model that all agents ask in place of their own; scripted asks no provider"
)

const Lease = GlobalFlag.Setting("lease")({
  flag: Flag.Int("lease").pipe(
    Flag.withMetavar("MS"),
    Flag.withDescription("How long this process owns runs without a sign of life; default 10000"),
    Flag.filter((millis) => millis >= 100 && millis <= 86_400_000, (millis) => `${millis} is not from 100 to 86400000`),
    Flag.optional
  )
})

const LogLevel = GlobalFlag.Setting("log-level")({
  flag: Flag.String("log-level").pipe(
    Flag.withMetavar("LEVEL"),
    Flag.withDescription(
      "The least that is logged, on stderr: debug, info, warn, error or none; default warn, or FERMATA_LOG_LEVEL"
    ),
    Flag.filter((level) => Object.hasOwn(logLevels, level), () => expectedLevel),
    Flag.optional
  )
})

const LogFormat = GlobalFlag.Setting("log-format")({
  flag: Flag.String("log-format").pipe(
    Flag.withMetavar("FORMAT"),
    Flag.withDescription(
      "How stderr is written: text, or json for a line of JSON each; default text, or FERMATA_LOG_FORMAT"
    ),
    Flag.filter(isLogFormat, () => expectedFormat),
    Flag.optional
  )
})

/** The global options as flags, for the root command. */
export const flags = [Db, Server, TokenFile, Config, Json, TenantOption, As, Model, Lease, LogLevel, LogFormat] as const

/** The same, as the options of a single command. */
export const asOptions = {
  db: Db.flag,
  server: Server.flag,
  tokenFile: TokenFile.flag,
  config: Config.flag,
  json: Json.flag,
  tenant: TenantOption.flag,
  as: As.flag,
  model: Model.flag,
  lease: Lease.flag,
  logLevel: LogLevel.flag,
  logFormat: LogFormat.flag
}

/** The options that every command takes, as given. */
export interface Globals {
  readonly db: string
  /** Who said so; a default database need not be there yet. */
  readonly dbFrom: "option" | "environment" | "default"
  /** The server that has the runs; undefined where they are in the database. */
  readonly server: ServerPlace.ServerPlace | undefined
  readonly config: string | undefined
  readonly json: boolean
  /** The tenant that the command is about; undefined for the whole store. */
  readonly tenant: string | undefined
  readonly as: string
  /** Names under which questions may ask whoever acts. */
  readonly roles: ReadonlyArray<string>
  /** Who said so; by default it is whoever uses this machine, or speaks for them in the environment. */
  readonly asFrom: "option" | "default"
  /** Who acts when the command line does not say. */
  readonly usually: string
  /** The model that all agents ask in place of their own. */
  readonly model: string | undefined
  readonly leaseMs: number | undefined
}

/** Where runs live when nothing else is said. */
export const defaultDb = ".fermata/fermata.db"

/** The tenant that the command is about. */
export const tenant = Effect.gen(function*() {
  const typed = Option.getOrUndefined(yield* TenantOption)
  const name = typed ?? present(process.env["FERMATA_TENANT"])
  if (name === undefined || Tenant.isName(name)) return name
  return yield* refused(
    "InvalidValue",
    `${typed === undefined ? "FERMATA_TENANT" : "--tenant"} cannot be ${
      JSON.stringify(name.slice(0, 80))
    }: ${Tenant.nameRule}`
  )
})

/** The global options as given, with their defaults. */
export const globals = Effect.gen(function*() {
  const db = Option.getOrUndefined(yield* Db)
  const as = Option.getOrUndefined(yield* As)
  const fromEnvironment = present(process.env["FERMATA_DB"])
  const usually = ownName()
  const config = Option.getOrUndefined(yield* Config)
  const model = Option.getOrUndefined(yield* Model)
  const leaseMs = Option.getOrUndefined(yield* Lease)
  const tokenFile = Option.getOrUndefined(yield* TokenFile)
  if (config !== undefined && !ConfigFile.isFile(config)) {
    return yield* refused("ConfigNotFound", `--config: there is no file ${config}`, [
      "without --config, the nearest fermata.config.ts above this folder is taken"
    ])
  }
  const typed = yield* Typed
  const server = yield* ServerPlace.read({
    typed,
    options: { server: Option.getOrUndefined(yield* Server), tokenFile, db, as, model, lease: leaseMs },
    env: process.env,
    configured: serverOf(config, [...typed.folders, process.cwd()])
  })
  const values: Globals = {
    db: db ?? fromEnvironment ?? defaultDb,
    dbFrom: db !== undefined ? "option" : fromEnvironment !== undefined ? "environment" : "default",
    server,
    config,
    json: yield* Json,
    tenant: yield* tenant,
    as: as ?? usually,
    roles: [as ?? usually],
    asFrom: as === undefined ? "default" : "option",
    usually,
    model,
    leaseMs
  }
  // The configuration beside a contract file is not the one that another command finds from here.
  const beside = server?.config === ConfigFile.find(process.cwd()) ? undefined : server?.config
  const named = config ?? (beside && ConfigFile.label(beside))
  repeat([
    ...(values.dbFrom === "option" ? [["db", values.db]] as const : []),
    ...(server?.from === "option" ? [["server", server.url]] as const : []),
    ...(tokenFile === undefined ? [] : [["token-file", tokenFile]] as const),
    ...(named === undefined ? [] : [["config", named]] as const),
    ...(values.model === undefined ? [] : [["model", values.model]] as const),
    ...(Option.isNone(yield* TenantOption) ? [] : [["tenant", values.tenant!]] as const)
  ])
  return values
})

/** The server of the configuration that is named, or of the nearest in or above the first folder that has one. */
export const serverOf = (
  config: string | undefined,
  folders: ReadonlyArray<string>
): Effect.Effect<ServerPlace.Configured | undefined, CommandFailed> =>
  Effect.gen(function*() {
    const file = config ?? folders.map(ConfigFile.find).find((found) => found !== undefined)
    if (file === undefined || !ConfigFile.mayNameServer(file)) return undefined
    const { load } = yield* Effect.promise(() => import("./Config.ts"))
    const { config: { server } } = yield* load(file, [])
    return server && { file, server }
  })

/** Who reads what a command prints: a name, or those that a token gives. */
export const readerOf = (
  { roles, server, usually }: Globals
): { readonly as: string; readonly roles: ReadonlyArray<string> | undefined } => ({
  as: usually,
  roles: server === undefined ? undefined : roles
})

/** Whoever acts by this command line, as the audit records it. */
export const actor = Effect.map(As, (as): Actor => ({ who: Option.getOrElse(as, ownName), how: "command" }))

/** The least that workflows and the engine log in this process. */
export const logLevel = Effect.gen(function*() {
  const given = Option.getOrUndefined(yield* LogLevel) ?? present(process.env["FERMATA_LOG_LEVEL"]) ?? "warn"
  if (Object.hasOwn(logLevels, given)) return logLevels[given as keyof typeof logLevels]
  return yield* refused("InvalidValue", `FERMATA_LOG_LEVEL is ${JSON.stringify(given)}: ${expectedLevel}`)
})

/** How this process writes to stderr. */
export const logFormat = Effect.gen(function*() {
  const given = Option.getOrUndefined(yield* LogFormat) ?? present(process.env["FERMATA_LOG_FORMAT"]) ?? "text"
  if (isLogFormat(given)) return given
  return yield* refused("InvalidValue", `FERMATA_LOG_FORMAT is ${JSON.stringify(given)}: ${expectedFormat}`)
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const present = (text: string | undefined): string | undefined => text === undefined || text === "" ? undefined : text

/** Who acts where the command line does not say. */
const ownName = (): string => present(process.env["FERMATA_AS"]) ?? loginName()

const loginName = (): string => {
  try {
    return userInfo().username
  } catch {
    // A user id without an entry in the user database.
    return "unknown"
  }
}
