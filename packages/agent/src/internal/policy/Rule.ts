/**
 * Rules as people write them: `Read`, `mcp__github__*`, `Bash(git log:*)`,
 * `Read(**\/.env)`, `WebFetch(domain:example.com)`. What stands between the
 * parentheses is read as the tool's calls are: see `AgentTool.Subject`.
 */
import * as SameJson from "@fermata/core/SameJson"
import * as StoredJson from "@fermata/core/StoredJson"
import type * as Schema from "effect/Schema"
import picomatch from "picomatch"
import { type Risk, risks } from "../../CommandRisk.ts"
import * as Paths from "./Paths.ts"
import type { ShellCommand } from "./ShellCommands.ts"

/** Alike on every platform. */
const globs = { dot: true, nonegate: true, windows: false } as const

/** What a rule forbids it forbids in upper and lower case: on some file systems they name the same file. */
const anyCase = { ...globs, nocase: true } as const

/** A rule. */
export interface Rule {
  /** As it was written. */
  readonly text: string
  readonly isOfTool: (tool: string) => boolean
  /** What of the tool's calls it is about; all of them when absent. */
  readonly about: string | undefined
  /** Whether a path is meant by it, which begins at the workspace, or with a slash where it lies outside. */
  readonly meansPath: (path: string) => boolean
  /** As `meansPath`, in upper and lower case alike: for what it forbids or asks about. */
  readonly forbidsPath: (path: string) => boolean
}

/** Reads a rule; throws where it is none, and says what would be right. */
export const read = (text: string): Rule => {
  const match = /^([\w*?.-]+)(?:\((.*)\))?$/s.exec(text)
  if (match === null) throw wrong(text, "a rule is the name of a tool, or that and something in parentheses")
  const [, tool, about] = match
  if (about?.trim() === "") throw wrong(text, "there is nothing between its parentheses")
  if (about !== undefined && about.startsWith("~")) {
    throw wrong(text, "a path begins at the workspace, or with a slash: nobody knows here whose home is meant")
  }
  if (about?.startsWith("risk:") === true && !risks.includes(about.slice(5) as Risk)) {
    throw wrong(text, `a risk is one of ${risks.join(", ")}`)
  }
  if (about?.startsWith("args:") === true && !isJson(about.slice("args:".length))) {
    throw wrong(text, "what stands behind args: is the JSON of arguments, such as {\"title\":\"a\"}")
  }
  const isOfTool = picomatch(tool!, { ...globs, nobrace: true, noextglob: true, bash: true })
  return {
    text,
    isOfTool: (name) => isOfTool(name),
    about,
    meansPath: about === undefined ? () => true : pathsOf(about, globs),
    forbidsPath: about === undefined ? () => true : forbidden(pathsOf(about, anyCase))
  }
}

/** What a rule about files says, as a glob. As in the ignore files of git, a name without a slash is meant wherever it lies. */
export const globOf = (about: string): string => about.includes("/") ? about.replace(/^\.\//, "") : `**/${about}`

/** As `read`; undefined where the text is no rule, as one may be that an earlier build has stored. */
export const readIfAny = (text: string): Rule | undefined => {
  try {
    return read(text)
  } catch {
    return undefined
  }
}

/** A path without backslashes as a rule that means it and no other file. A name without a slash would be meant wherever it lies. */
export const exactPath = (path: string): string => {
  const text = path.replace(/[*?[\]{}()!+@|]/g, "\\$&")
  return text.includes("/") ? text : `./${text}`
}

/** These arguments as what a rule is about that means them alone. */
export const exactArguments = (params: Schema.Json): string => `args:${StoredJson.textOf(params)}`

/** Whether arguments are meant, for a rule that is about some; undefined for one that is about something else. */
export const meansArguments = (about: string, params: Schema.Json): boolean | undefined => {
  if (!about.startsWith("args:")) return undefined
  try {
    return SameJson.same(JSON.parse(about.slice("args:".length)) as Schema.Json, params)
  } catch {
    return false
  }
}

/** Whether an address is meant: its host, and those below it for `*.` and a name. */
export const meansUrl = (about: string, url: string): boolean => {
  const host = hostOf(url)
  if (host === undefined || !about.startsWith("domain:")) return false
  const wanted = about.slice("domain:".length).toLowerCase()
  return wanted.startsWith("*.") ? host.endsWith(wanted.slice(1)) : host === wanted
}

/** The host of an address; undefined where it is none. */
export const hostOf = (url: string): string | undefined => {
  try {
    return new URL(url).hostname.replace(/\.$/, "")
  } catch {
    return undefined
  }
}

/** Whether a text is meant, where `*` stands for anything. It takes the time that it takes to look for each part once, whatever the text. */
export const meansText = (about: string, text: string): boolean => {
  const [first, ...parts] = about.split("*")
  const last = parts.pop()
  if (last === undefined) return about === text
  if (!text.startsWith(first!) || !text.endsWith(last)) return false
  let at = first!.length
  for (const part of parts) {
    const found = text.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return at + last.length <= text.length
}

/** Whether a rule means a command, where some of its words are only known when it runs. */
export type Means = "yes" | "maybe" | "no"

/**
 * Whether a command is meant. The words of a rule are those of the command, `*` in
 * a word stands for any part of one, and `:*` or a `*` at the end for whatever else
 * there is. Who forbids a program forbids it `anywhere`; who allows one means the
 * one that is found by its name, and by a `*` no way up out of a folder.
 */
export const meansCommand = (about: string, { words }: ShellCommand, anywhere: boolean): Means => {
  const rest = /(^|:|\s+)\*$/
  const isOpen = rest.test(about)
  const wanted = about.replace(rest, "").split(/\s+/).filter((word) => word !== "")
  if (isOpen ? words.length < wanted.length : words.length !== wanted.length) return "no"
  let means: Means = "yes"
  for (const [at, pattern] of wanted.entries()) {
    const word = words[at]
    if (word === undefined) means = "maybe"
    else if (
      anywhere
        ? !meansText(pattern, word) && !(at === 0 && meansText(pattern, word.slice(word.lastIndexOf("/") + 1)))
        : !meansText(pattern, word) || (!isUp.test(pattern) && pattern !== word && isUp.test(word))
    ) return "no"
  }
  return means
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A part of a path that leads up. */
const isUp = /(^|[/=:,])\.\.($|[/:,])/

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const wrong = (text: string, problem: string): Error =>
  new Error(
    `"${text}" is no rule of a policy: ${problem}. For example: Read, mcp__github__*, Bash(git log:*), Read(**/.env)`
  )

const forbidden = (meant: Rule["meansPath"]): Rule["forbidsPath"] => (path) => meant(path) || meant(Paths.atWorst(path))

const pathsOf = (about: string, options: picomatch.PicomatchOptions): Rule["meansPath"] => {
  const pattern = globOf(about)
  // As an expression: the function that picomatch makes takes for meant too what is written as the pattern is.
  const meant = picomatch.makeRe(pattern, options)
  const glob = (path: string) => meant.test(path)
  return (path) => glob(path) || (path.startsWith("/") && pattern.startsWith("**/") && glob(path.slice(1)))
}
