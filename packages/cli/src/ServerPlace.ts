/**
 * The server that a command is to work at, where it is to work at one: its
 * address, and the token that lets in there.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { readFileSync } from "node:fs"
import { type CommandFailed, refused } from "./CommandFailed.ts"
import type { Typed } from "./Sides.ts"

/** A server, and who said so. */
export interface ServerPlace {
  /** Without a slash at its end. */
  readonly url: string
  readonly from: "option" | "environment"
  readonly token: Redacted.Redacted<string> | undefined
}

/** What the command line and its surroundings say of a server. */
export interface Given {
  readonly typed: Typed
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
}

/** The server; undefined for a database of this machine. Options that do not go together are refused. */
export const read = Effect.fnUntraced(function*(
  { env, options, typed: { path, side } }: Given
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
  if (said === undefined) return options.tokenFile === undefined ? undefined : yield* unusedToken
  const from = options.server === undefined ? "environment" : "option"
  const unfit = unfits.find(([option]) => options[option] !== undefined)
  if (unfit !== undefined) {
    return yield* refused("InvalidValue", `--${unfit[0]} goes with no server (${said}): ${unfit[1]}`, ["leave it out"])
  }
  return { url: yield* checked(said, names[from]), from, token: yield* tokenOf(options.tokenFile, env) }
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

/** The address without what does not belong there. */
const checked = (text: string, name: string): Effect.Effect<string, CommandFailed> => {
  const url = URL.parse(text)
  const refuse = (problem: string) =>
    Effect.fail(
      refused("InvalidValue", `${name} cannot be ${JSON.stringify(text)}: ${problem}`, [
        "such as http://127.0.0.1:4314, or https://runs.example.org"
      ])
    )
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    return refuse("expected a URL that begins with http:// or https://")
  }
  if (url.username !== "" || url.password !== "") return refuse("a URL carries no token; FERMATA_TOKEN does")
  if (url.search !== "" || url.hash !== "") return refuse("expected a URL without ? and #")
  return Effect.succeed(`${url.origin}${url.pathname}`.replace(/\/+$/, ""))
}

const tokenOf = Effect.fnUntraced(function*(
  option: string | undefined,
  env: Given["env"]
): Effect.fn.Return<Redacted.Redacted<string> | undefined, CommandFailed> {
  const text = given(env["FERMATA_TOKEN"])
  const file = option ?? (text === undefined ? given(env["FERMATA_TOKEN_FILE"]) : undefined)
  const name = option === undefined ? "FERMATA_TOKEN_FILE" : "--token-file"
  const found = file === undefined ? text : yield* Effect.try({
    try: () => readFileSync(file, "utf8").trim(),
    catch: (cause) =>
      refused(
        "FileUnreadable",
        `${name}: the file ${file} cannot be read: ${cause instanceof Error ? cause.message : cause}`
      )
  })
  if (found === undefined) return undefined
  if (/^[\x21-\x7e]+$/.test(found)) return Redacted.make(found)
  return yield* refused(
    "InvalidValue",
    `${file === undefined ? "FERMATA_TOKEN" : `${name}: the file ${file}`} holds no token: ${
      found === "" ? "it is empty" : "expected one word of ASCII"
    }`
  )
})
