/**
 * Which command lines only look: at help, at what the database holds. They load no code of the user, so the published package answers them
 * from a bundle, which starts in a third of the time. All others must share
 * `effect` and the engine with the configuration, and load the packages.
 */
import { resolve } from "node:path"
import { find, mayNameServer } from "./ConfigFile.ts"

/** Commands that load a configuration only where its server is to be asked. */
export const looking: ReadonlySet<string> = new Set([
  "runs ls",
  "runs show",
  "runs journal",
  "runs artifact",
  "runs transcript",
  "runs tail",
  "runs diff",
  "approvals ls",
  "policy ls",
  "token ls",
  "tenants ls",
  "retention ls",
  "schedules ls",
  "schedules show",
  "schedules next",
  "schedules firings",
  "export",
  "tasks ls",
  "tasks show",
  "queue ls",
  "webhooks ls",
  "webhooks deliveries",
  "webhooks delivery",
  "workers ls",
  "audit ls",
  "audit verify",
  "events ls",
  "sensors ls",
  "sensors show",
  "sources ls",
  "sources show",
  "contracts ls",
  "status"
])

/** Global options that are followed by a value. */
export const valued: ReadonlySet<string> = new Set([
  "--db",
  "--server",
  "--token-file",
  "--tenant",
  "--config",
  "--as",
  "--model",
  "--lease",
  "--log-level",
  "--log-format"
])

const asksForHelp = /^(--help|-h|--version|-v|--completions(=.*)?)$/

/**
 * Whether a command line may look at a server, whose client is in no bundle: by
 * its own words, by the environment, or by the configuration of this folder.
 */
export const looksAtServer = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string | undefined>>,
  folder: string
): boolean => {
  if (isHelp(args)) return false
  // A shell that asks for completions gives the line as one word.
  const words = args[0] === "--complete" ? args.flatMap((arg) => arg.split(/\s+/)) : args
  const names = (option: string) => words.some((word) => word === option || word.startsWith(`${option}=`))
  if ((env["FERMATA_SERVER"] ?? "") !== "" || names("--server")) return true
  if ((env["FERMATA_DB"] ?? "") !== "" || names("--db")) return false
  const at = words.findIndex((word) => /^--config(=|$)/.test(word))
  const file = at < 0
    ? find(folder)
    : words[at] === "--config"
    ? words[at + 1]
    : words[at]!.slice("--config=".length)
  return file !== undefined && mayNameServer(resolve(folder, file))
}

/** Whether a command line is certain to load no code of the user. */
export const onlyLooks = (args: ReadonlyArray<string>): boolean => {
  const given = plain(args)
  if (isHelp(args) || given[0] === "--complete") return true
  const words: Array<string> = []
  for (let index = 0; index < given.length && words.length < 2; index++) {
    const arg = given[index]!
    if (valued.has(arg)) index++
    else if (!arg.startsWith("-")) words.push(arg)
    // What follows an option of another kind may be its value.
    else if (arg !== "--json" && !valued.has(arg.split("=")[0]!)) return false
  }
  return looking.has(words.join(" "))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What stands before `--`, behind which nothing is an option. */
const plain = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const end = args.indexOf("--")
  return end < 0 ? args : args.slice(0, end)
}

/** Whether a command line is answered by help, or by what a shell needs, and nothing is looked at. */
const isHelp = (args: ReadonlyArray<string>): boolean => {
  const given = plain(args)
  return given.length === 0 || (given[0] !== "--complete" && given.some((arg) => asksForHelp.test(arg)))
}
