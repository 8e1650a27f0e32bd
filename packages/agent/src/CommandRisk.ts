/**
 * How dangerous a line for a shell is, by what it is known to do. For rules of a
 * policy and for the people who are asked: it never says that a line is safe which
 * it does not understand.
 *
 * | risk | what the line does |
 * |---|---|
 * | `reads` | only reads, and nothing that its words place outside of the folder in which it runs |
 * | `writes` | makes or changes files |
 * | `network` | speaks to other machines |
 * | `destroys` | throws away files, history or processes |
 * | `unknown` | runs something that is not known, or something that it is given |
 */
import * as Known from "./internal/policy/known-commands.ts"
import * as ShellCommands from "./internal/policy/ShellCommands.ts"

/** How dangerous a line is. */
export type Risk = "reads" | "writes" | "network" | "destroys" | "unknown"

/** The risks, for those who write rules. */
export const risks: ReadonlyArray<Risk> = ["reads", "writes", "network", "destroys", "unknown"]

/** The risk of a line, with every reason for it; a line that reads has none. */
export interface Judged {
  readonly risk: Risk
  readonly reasons: ReadonlyArray<string>
}

/** Judges a line for a shell. What destroys is told before what is not known, and that before the network and writing. */
export const of = (line: string): Judged => ofLine(ShellCommands.read(line))

/** As `of`, for a line that was read already. */
export const ofLine = (line: ShellCommands.ShellLine): Judged => {
  const found: Array<readonly [Risk, string]> = line.doubts.map((doubt) => ["unknown", doubt])
  for (const path of line.writes) found.push(["writes", `it writes to ${path ?? "a file that only its run names"}`])
  for (const path of line.reads) {
    if (path === undefined || leaves(path)) {
      found.push(["unknown", `it reads ${path ?? "a file that only its run names"}`])
    }
  }
  for (const command of line.commands) found.push(...ofCommand(command))
  if (line.commands.length === 0 && found.length === 0) found.push(["unknown", "there is no command in it"])
  const risk = order.find((each) => found.some(([risk]) => risk === each)) ?? "reads"
  return { risk, reasons: [...new Set(found.filter(([each]) => each !== "reads").map(([, reason]) => reason))] }
}

/**
 * The options with which a command that is known to read does more than that, such
 * as `--output` of `git log`; none for one without, and for all others.
 */
export const moreOf = ({ words: [name, ...rest] }: ShellCommands.ShellCommand): ReadonlyArray<string> => {
  if (name !== "git") {
    const reader = name !== undefined && Object.hasOwn(Known.readers, name) ? Known.readers[name] : undefined
    return optionsOf(rest, reader?.unless ?? [])
  }
  const at = rest.findIndex((word) => word === undefined || !Known.gitOptions.has(word))
  const subcommand = rest[at]
  if (subcommand === undefined) return []
  if (subcommand.startsWith("-")) return [subcommand]
  return Known.gitReaders.has(subcommand) ? optionsOf(rest.slice(at + 1), Known.gitUnless) : []
}

/** Whether a command runs what it is given, such as `env`, `xargs` or `find -exec`. */
export const runsOthers = ({ words: [name, ...rest] }: ShellCommands.ShellCommand): boolean => {
  const bare = name?.slice(name.lastIndexOf("/") + 1)
  return bare !== undefined &&
    (Known.others.get(bare) === "runs" ||
      (bare === "find" && optionOf(rest, Known.readers["find"]!.unless!) !== undefined))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const order: ReadonlyArray<Risk> = ["destroys", "unknown", "network", "writes"]

const ofCommand = ({ words }: ShellCommands.ShellCommand): ReadonlyArray<readonly [Risk, string]> => {
  const [name, ...rest] = words
  if (name === undefined) return [["unknown", "only its run shows which command it is"]]
  const bare = name.slice(name.lastIndexOf("/") + 1)
  const kind = Known.others.get(bare) ?? (bare.startsWith("mkfs") ? "destroys" : undefined)
  if (kind !== undefined) {
    return kind === "runs" ? [["unknown", `${bare} runs what it is given`]] : [[kind, `${bare} ${verbs[kind]}`]]
  }
  if (bare !== name) return [["unknown", `${name} is a program of its own`]]
  if (bare === "git") return ofGit(rest)
  const reader = Object.hasOwn(Known.readers, bare) ? Known.readers[bare] : undefined
  if (reader === undefined) return [["unknown", `${bare} is not known`]]
  const more = optionOf(rest, reader.unless ?? [])
  if (more !== undefined) return [["unknown", `${bare} does more with ${more}`]]
  if (reader.only !== undefined) {
    const other = rest.find((word) => word === undefined || !reader.only!.test(word))
    if (other !== undefined) return [["unknown", `${bare} does more with ${other}`]]
  }
  if (reader.inputs !== undefined && operandsOf(rest).length > reader.inputs) {
    return [["writes", `${bare} writes to a file`]]
  }
  return outsideOf(bare, rest)
}

const verbs = {
  reads: "reads",
  writes: "changes files",
  network: "speaks to other machines",
  destroys: "destroys"
} as const

/** Where words are not known, an option may be among them. */
const ofGit = (words: ReadonlyArray<string | undefined>): ReadonlyArray<readonly [Risk, string]> => {
  const at = words.findIndex((word) => word === undefined || !Known.gitOptions.has(word))
  const subcommand = at < 0 ? undefined : words[at]
  if (subcommand === undefined || subcommand.startsWith("-")) {
    return [["unknown", `git does more with ${subcommand ?? "what only its run shows"}`]]
  }
  const rest = words.slice(at + 1)
  const found: Array<readonly [Risk, string]> = []
  const destroyer = Object.hasOwn(Known.gitDestroyers, subcommand) ? Known.gitDestroyers[subcommand]! : undefined
  if (destroyer !== undefined && (destroyer.length === 0 || optionOf(rest, destroyer) !== undefined)) {
    found.push(["destroys", `git ${subcommand} throws away what was there`])
  }
  if (Known.gitSpeakers.has(subcommand)) found.push(["network", `git ${subcommand} speaks to other machines`])
  if (found.length > 0) return found
  if (!Known.gitReaders.has(subcommand)) return [["unknown", `git ${subcommand} may do anything`]]
  const more = optionOf(rest, Known.gitUnless)
  return more === undefined ? outsideOf(`git ${subcommand}`, rest) : [["unknown", `git does more with ${more}`]]
}

const outsideOf = (
  name: string,
  words: ReadonlyArray<string | undefined>
): ReadonlyArray<readonly [Risk, string]> => {
  if (words.includes(undefined)) return [["unknown", `only its run shows what ${name} is given`]]
  const outside = words.find((word) => leaves(word!))
  return outside === undefined ? [["reads", ""]] : [["unknown", `${name} looks outside: ${outside}`]]
}

/** Whether a word may place something outside of the folder in which a line runs: also behind an option, or in a list. */
const leaves = (word: string): boolean =>
  word !== "/dev/null" &&
  (/(^|[=:,@\s'"])(\/|~)/.test(word) || /(^|^-\w+|[/=:,@\s'"])\.\.($|[/:,\s'"])/.test(word) || /^-\w+[/~]/.test(word))

const optionOf = (
  words: ReadonlyArray<string | undefined>,
  options: ReadonlyArray<string>
): string | undefined => optionsOf(words, options)[0]

const optionsOf = (
  words: ReadonlyArray<string | undefined>,
  options: ReadonlyArray<string>
): ReadonlyArray<string> =>
  options.filter((option) => words.some((word) => word !== undefined && isOption(word, option, options)))

const isOption = (word: string, option: string, options: ReadonlyArray<string>): boolean => {
  if (word === option) return true
  if (!option.startsWith("--")) return option.length === 2 && /^-[^-]/.test(word) && word.includes(option[1]!)
  const name = word.split("=")[0]!
  // An option may be cut as far as nothing else begins like it.
  return name === option || (name.length > 2 && option.startsWith(name) && !options.includes(name))
}

const operandsOf = (words: ReadonlyArray<string | undefined>): ReadonlyArray<string | undefined> =>
  words.filter((word) => word === undefined || word === "-" || !word.startsWith("-"))
