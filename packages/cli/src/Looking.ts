/**
 * Which command lines only look: at help, at what the database holds. They load no code of the user, so the published package answers them
 * from a bundle, which starts in a third of the time. All others must share
 * `effect` and the engine with the configuration, and load the packages.
 */

/** Commands that never load a configuration. */
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
  "workers ls",
  "audit ls",
  "audit verify",
  "events ls",
  "contracts ls"
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

/** Whether a command line may look at a server, whose client is in no bundle. */
export const looksAtServer = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string | undefined>>
): boolean => (env["FERMATA_SERVER"] ?? "") !== "" || args.some((arg) => /^--server(=|$)/.test(arg))

/** Whether a command line is certain to load no code of the user. */
export const onlyLooks = (args: ReadonlyArray<string>): boolean => {
  const end = args.indexOf("--")
  const given = end < 0 ? args : args.slice(0, end)
  if (given.length === 0 || given[0] === "--complete" || given.some((arg) => asksForHelp.test(arg))) return true
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
