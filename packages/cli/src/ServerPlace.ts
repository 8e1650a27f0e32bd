/**
 * The server that a command is to work at, where it is to work at one: its
 * address, and the token that lets in there.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { readFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { type CommandFailed, refused } from "./CommandFailed.ts"
import { label } from "./ConfigFile.ts"
import { type ServerEntry, urlProblem } from "./ServerEntry.ts"
import type { Typed } from "./Sides.ts"

/** A server, and who said so. */
export interface ServerPlace {
  /** Without a slash at its end. */
  readonly url: string
  readonly from: "option" | "environment" | "configuration"
  readonly token: Redacted.Redacted<string> | undefined
  /** The file of the configuration that names it, where one does. */
  readonly config: string | undefined
}

/** A configuration that names a server. */
export interface Configured {
  readonly file: string
  readonly server: ServerEntry
}

/** What the command line and its surroundings say of a server. */
export interface Given {
  readonly typed: Pick<Typed, "path" | "side">
  /** Options, as given. */
  readonly options: {
    readonly server: string | undefined
    readonly tokenFile: string | undefined
    readonly db: string | undefined
    readonly as: string | undefined
    readonly model: string | undefined
    readonly lease: number | undefined
  }
  readonly env: Readonly<Record<string, string | undefined>>
  /** The server of the configuration, which is asked only where nothing else says where the runs are. */
  readonly configured: Effect.Effect<Configured | undefined, CommandFailed>
}

/** The server; undefined for a database of this machine. Options that do not go together are refused. */
export const read = Effect.fnUntraced(function*(
  { configured, env, options, typed: { path, side } }: Given
): Effect.fn.Return<ServerPlace | undefined, CommandFailed> {
  if (options.server !== undefined && options.db !== undefined) {
    return yield* refused(
      "InvalidValue",
      "--server and --db exclude each other: runs are at a server or in a database of this machine",
      ["leave one of them out"]
    )
  }
  // Whoever names a database means this machine, whatever stands around.
  if (options.db !== undefined) return options.tokenFile === undefined ? undefined : yield* unusedToken
  const fromEnvironment = given(env["FERMATA_SERVER"])
  const said = options.server ?? fromEnvironment
  if (said !== undefined && side !== "either") {
    return yield* refused(
      "HereOnly",
      `fermata ${path.join(" ")} works on this machine alone, and not at a server: it ${side.only}`,
      [
        options.server === undefined
          ? "FERMATA_SERVER names a server; --db FILE names the database that is meant"
          : "leave out --server; --db FILE names a database"
      ]
    )
  }
  // The server itself has the same configuration, and works on its database all the same.
  const entry = said === undefined && side === "either" && given(env["FERMATA_DB"]) === undefined
    ? yield* configured
    : undefined
  const url = said ?? entry?.server.url
  if (url === undefined) return options.tokenFile === undefined ? undefined : yield* unusedToken
  const unfit = unfits.find(([option]) => options[option] !== undefined)
  if (unfit !== undefined) {
    return yield* refused("InvalidValue", `--${unfit[0]} goes with no server (${url}): ${unfit[1]}`, [
      entry === undefined
        ? "leave it out"
        : `leave it out; --db FILE names a database in place of the server of ${label(entry.file)}`
    ])
  }
  const from = options.server !== undefined ? "option" : said !== undefined ? "environment" : "configuration"
  if (from !== "configuration") {
    const problem = urlProblem(url)
    if (problem !== undefined) {
      return yield* refused("InvalidValue", `${names[from]} cannot be ${JSON.stringify(url)}: ${problem}`, [
        "such as http://127.0.0.1:4314, or https://runs.example.org"
      ])
    }
  }
  return { url: plain(url), from, config: entry?.file, token: yield* tokenOf(options.tokenFile, env, entry) }
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const given = (text: string | undefined): string | undefined => text === undefined || text === "" ? undefined : text

const names = {
  option: "--server",
  environment: "FERMATA_SERVER"
} as const

const unfits = [
  ["as", "who acts there is said by the token, or by the server itself"],
  ["model", "what works on runs there asks its own models"],
  ["lease", "this process owns no runs then"]
] as const

const unusedToken = refused(
  "InvalidValue",
  "--token-file is for a server, and none is named",
  ["name it with --server URL"]
)

/** An address without what does not belong there. */
const plain = (text: string): string => {
  const url = new URL(text)
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "")
}

/** The token that lets in, by whatever says it first: the command line, the environment, the configuration. */
const tokenOf = Effect.fnUntraced(function*(
  option: string | undefined,
  env: Given["env"],
  entry: Configured | undefined
): Effect.fn.Return<Redacted.Redacted<string> | undefined, CommandFailed> {
  if (option !== undefined) return yield* inFile("--token-file", option)
  const text = given(env["FERMATA_TOKEN"])
  if (text !== undefined) return yield* checked(text, "FERMATA_TOKEN")
  const file = given(env["FERMATA_TOKEN_FILE"])
  if (file !== undefined) return yield* inFile("FERMATA_TOKEN_FILE", file)
  const token = entry?.server.token
  if (entry === undefined || token === undefined) return undefined
  const config = label(entry.file)
  if ("file" in token) return yield* inFile(`the "server" of ${config}`, resolve(dirname(entry.file), token.file))
  const named = given(env[token.env])
  if (named !== undefined) return yield* checked(named, token.env)
  return yield* refused(
    "TokenMissing",
    `There is no token for ${entry.server.url}: ${config} says that it is in the variable ${token.env}, which is not set`,
    [`set ${token.env}, or give the token in FERMATA_TOKEN, or in a file with --token-file FILE`]
  )
})

const inFile = (name: string, file: string): Effect.Effect<Redacted.Redacted<string>, CommandFailed> =>
  Effect.try({
    try: () => readFileSync(file, "utf8").trim(),
    catch: (cause) =>
      refused(
        "FileUnreadable",
        `${name}: the file ${file} cannot be read: ${cause instanceof Error ? cause.message : cause}`
      )
  }).pipe(Effect.flatMap((text) => checked(text, `${name}: the file ${file}`)))

const checked = (text: string, name: string): Effect.Effect<Redacted.Redacted<string>, CommandFailed> =>
  /^[\x21-\x7e]+$/.test(text)
    ? Effect.succeed(Redacted.make(text))
    : Effect.fail(
      refused("InvalidValue", `${name} holds no token: ${text === "" ? "it is empty" : "expected one word of ASCII"}`)
    )
