/** The `server` of a configuration: where the runs of a project are, so that nobody has to say so each time. */
import { didYouMean } from "@fermata/core/Suggestion"

/** The server at which commands do their work where nothing else says at which, and no database is named. */
export interface ServerEntry {
  /** Its address, such as `https://runs.example.org:4314`. */
  readonly url: string
  /**
   * Where the token for it is: in a variable of the environment, or in a file,
   * from the folder of the configuration. The token itself stands in no configuration.
   */
  readonly token?: { readonly env: string } | { readonly file: string }
}

/** The first thing that is wrong with an entry, as the rest of a sentence about its configuration. It says nothing that may be a token. */
export const problemOf = (entry: unknown): string | undefined => {
  if (!isObject(entry)) {
    return `must have in "server" its address, and where the token for it is, such as { url: "https://runs.example.org", ${example} }`
  }
  const unknown = Object.keys(entry).find((name) => !fields.includes(name))
  if (unknown !== undefined) {
    const meant = didYouMean(unknown, fields)
    return `has in "server" the unknown field "${unknown}"; ${
      meant === undefined ? `known are ${fields.join(", ")}` : `did you mean "${meant}"?`
    }`
  }
  const { token, url } = entry
  const problem = typeof url === "string" ? urlProblem(url) : "expected a URL that begins with http:// or https://"
  if (problem !== undefined) return `cannot have that as the "url" of its "server": ${problem}`
  if (token === undefined) return undefined
  if (typeof token === "string" || (isObject(token) && Object.values(token).some(isToken))) {
    return `has a token in its "server", where everybody reads it; say where it is instead, such as ${example}`
  }
  if (!isObject(token) || Object.keys(token).length !== 1 || !(isName(token["env"]) || isText(token["file"]))) {
    return `must have as the "token" of its "server" where the token is: { env: "RUNS_TOKEN" }, or { file: "runs.token" }`
  }
  return undefined
}

/** What is wrong with the address of a server. */
export const urlProblem = (text: string): string | undefined => {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    return "expected a URL that begins with http:// or https://"
  }
  if (url.username !== "" || url.password !== "") return "a URL carries no token; FERMATA_TOKEN does"
  if (url.search !== "" || url.hash !== "") return "expected a URL without ? and #"
  return undefined
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const fields: ReadonlyArray<string> = ["url", "token"] satisfies ReadonlyArray<keyof ServerEntry>

const example = "token: { env: \"RUNS_TOKEN\" }"

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isText = (value: unknown): boolean => typeof value === "string" && value !== ""

/** The name of a variable of the environment. */
const isName = (value: unknown): boolean => typeof value === "string" && /^[A-Za-z_]\w*$/.test(value)

/** A token that stands where a name or a file should. */
const isToken = (value: unknown): boolean => typeof value === "string" && value.startsWith("frm_")
