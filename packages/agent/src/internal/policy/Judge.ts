/**
 * What rules say of a call. What forbids wins over what asks, and that over what
 * allows; a call is allowed only where each of its parts is: each file, and each
 * command of a line with the commands in it.
 */
import type * as Schema from "effect/Schema"
import * as CommandRisk from "../../CommandRisk.ts"
import * as Candidates from "./Candidates.ts"
import type { Call, Decision, Terms } from "./Deciding.ts"
import * as Paths from "./Paths.ts"
import * as Rule from "./Rule.ts"
import * as ShellCommands from "./ShellCommands.ts"
import * as Subjects from "./Subjects.ts"

/** The rules of a policy. */
export interface Rules {
  readonly mode: "open" | "rules" | "locked"
  readonly allow: ReadonlyArray<Rule.Rule>
  readonly ask: ReadonlyArray<Rule.Rule>
  readonly deny: ReadonlyArray<Rule.Rule>
  readonly approvers: ReadonlyArray<string>
  readonly terms: Terms
  /** Where relative paths begin; without it nobody knows which absolute ones lie inside. */
  readonly workspace: string | undefined
}

/** Decides about a call. */
export const decide = (rules: Rules, call: Call): Decision => {
  if (rules.mode === "locked") return { decision: "deny", reason: `no tool may be called, and so not "${call.tool}"` }
  const workspace = rules.workspace ?? call.workspace
  const parts = partsOf(call, workspace)
  for (const rule of rules.deny) {
    if (parts.some((part) => means(rule, call.tool, part, true) === "yes")) {
      return { decision: "deny", reason: `rule ${rule.text} forbids it` }
    }
  }
  const asking = [...rules.deny, ...rules.ask].find((rule) =>
    parts.some((part) => means(rule, call.tool, part, true) !== "no")
  )
  if (asking !== undefined) return ask(rules, call, `rule ${asking.text} is about it, or may be`)
  if (rules.mode === "open") return openly(rules, call, parts)
  const whole = rules.allow.find((rule) => allowsWhole(rule, call))
  if (whole !== undefined) return { decision: "allow" }
  const open = parts.filter((part) => !isAllowed(rules, call, part))
  if (open.length === 0) return { decision: "allow" }
  const doubt = open.find((part) => part.kind === "doubt")
  if (doubt !== undefined) return ask(rules, call, doubt.problem)
  const standing = standingOn(call, open)
  if (standing !== undefined) return { decision: "allow", standing }
  const offered = Candidates.of(call, workspace).filter(({ rule }) =>
    standingOn({ ...call, standing: [rule] }, open) !== undefined
  )
  if (offered.length === 0) return ask(rules, call)
  const always = {
    workspace: workspace ?? "",
    rules: offered.map(({ rule }) => rule),
    opens: offered.map(({ opens }) => opens)
  }
  return { ...ask(rules, call), always }
}

/** The files that rules deny to be read, as globs from the root of the workspace on. A rule about the tool alone is about its calls. */
export const unreadable = (rules: Rules): ReadonlyArray<string> =>
  rules.deny.flatMap((rule) => rule.isOfTool("Read") && rule.about !== undefined ? [Rule.globOf(rule.about)] : [])

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A part of a call, each of which must be allowed. */
type Part =
  /** Of a tool that has nothing else for rules to go by. */
  | { readonly kind: "whole"; readonly params: Schema.Json }
  /** A file, in the hands of the tool itself, which may only look at it (`look`), or of a redirection. */
  | { readonly kind: "path"; readonly path: string; readonly by: "call" | "look" | "write" | "read" }
  | {
    readonly kind: "command"
    readonly command: ShellCommands.ShellCommand
    readonly risk: CommandRisk.Risk
    /** What its words may name, if they are paths. */
    readonly paths: ReadonlyArray<string>
  }
  | { readonly kind: "url" | "text"; readonly text: string }
  /** Something that nobody can judge before it happens. */
  | { readonly kind: "doubt"; readonly problem: string }

const partsOf = (call: Call, workspace: string | undefined): ReadonlyArray<Part> => {
  const { subject } = call.rules
  if (subject === undefined) return [{ kind: "whole", params: call.params }]
  const texts = Subjects.textsOf(subject, call.params)
  if (texts === undefined) return [{ kind: "doubt", problem: "its arguments are not those of the tool" }]
  if (texts.length === 0) return [{ kind: "whole", params: call.params }]
  return texts.flatMap((text): ReadonlyArray<Part> => {
    switch (subject.kind) {
      case "path":
        if (!Paths.canBe(text)) return [{ kind: "doubt", problem: "no file has a path as long or as deep as that" }]
        return [{
          kind: "path",
          path: Paths.placed(text, workspace),
          by: call.rules.permission === "read" ? "look" : "call"
        }]
      case "command":
        return commandParts(text, workspace)
      default:
        return [{ kind: subject.kind, text }]
    }
  })
}

const commandParts = (line: string, workspace: string | undefined): ReadonlyArray<Part> => {
  const read = ShellCommands.read(line)
  const file = (path: string | undefined, by: "write" | "read"): ReadonlyArray<Part> =>
    path === undefined || !Paths.canBe(path)
      ? [{ kind: "doubt", problem: "only its run shows which file it uses" }]
      : placesOf(path, read.folders, workspace).map((path) => ({ kind: "path", path, by }))
  const parts = [
    ...read.doubts.map((problem): Part => ({ kind: "doubt", problem })),
    ...read.commands.map((command): Part => ({
      kind: "command",
      command,
      paths: pathsIn(command).flatMap((path) => placesOf(path, read.folders, workspace)),
      risk: CommandRisk.ofLine({ commands: [command], writes: [], reads: [], folders: ["."], doubts: [] }).risk
    })),
    ...read.writes.flatMap((path) => file(path, "write")),
    ...read.reads.flatMap((path) => file(path, "read"))
  ]
  return parts.length === 0 ? [{ kind: "doubt", problem: "there is no command in it" }] : parts
}

/** Tools whose rules are about files, and so about those that a line for a shell names. */
const writers = ["Write", "Edit", "NotebookEdit"]
const readers = ["Read", "Grep", "Glob"]

/** Whether a rule is about a part of a call of the tool. */
const means = (rule: Rule.Rule, tool: string, part: Part, forbids: boolean): Rule.Means => {
  const { about } = rule
  const isOfTool = rule.isOfTool(tool)
  if (isOfTool && about === undefined) return "yes"
  switch (part.kind) {
    case "path": {
      // What may not be read is not looked at by another tool either.
      const isOfTools = part.by === "call"
        ? isOfTool
        : part.by === "look"
        ? isOfTool || (forbids && about !== undefined && rule.isOfTool("Read"))
        : (part.by === "write" ? writers : readers).some(rule.isOfTool)
      if (!isOfTools) return "no"
      return about === undefined || pathMeans(rule, part.path, forbids) ? "yes" : "no"
    }
    case "command": {
      if (about === undefined) return "no"
      if (!isOfTool) {
        // What may not be read or written may not be named to a command either that could do so.
        const isOfFiles = forbids && [...writers, ...readers].some(rule.isOfTool)
        return isOfFiles && part.paths.some(rule.forbidsPath) ? "yes" : "no"
      }
      return about.startsWith("risk:")
        ? about.slice("risk:".length) === part.risk ? "yes" : "no"
        : forbids || !allowsMore(about, part.command)
        ? Rule.meansCommand(about, part.command, forbids)
        : "no"
    }
    case "url":
    case "text":
      return isOfTool && (part.kind === "url" ? Rule.meansUrl : Rule.meansText)(about!, part.text) ? "yes" : "no"
    case "whole": {
      const means = isOfTool && about !== undefined ? Rule.meansArguments(about, part.params) : false
      return means === undefined ? "maybe" : means ? "yes" : "no"
    }
    case "doubt":
      return isOfTool ? "maybe" : "no"
  }
}

/** What runs whatever it is given is asked about where some commands are not simply done, unless a rule allows it. */
const openly = (rules: Rules, call: Call, parts: ReadonlyArray<Part>): Decision => {
  const rule = [...rules.deny, ...rules.ask].find((rule) => rule.about !== undefined && rule.isOfTool(call.tool))
  const runner = rule === undefined ?
    undefined :
    parts.find((part) =>
      part.kind === "command" && CommandRisk.runsOthers(part.command) && !isAllowed(rules, call, part)
    )
  return runner === undefined || rules.allow.some((rule) => allowsWhole(rule, call))
    ? { decision: "allow" }
    : ask(rules, call, `it may run what rule ${rule!.text} is about`)
}

/** Whoever allows `git log` with whatever else there is means what it is known for, and not the options by which it writes. */
const allowsMore = (about: string, command: ShellCommands.ShellCommand): boolean =>
  about.includes("*") && CommandRisk.moreOf(command).some((more) => !about.includes(more))

/** What allows a file in the workspace allows none outside, but what forbids one forbids those of its name everywhere. */
const pathMeans = ({ about, forbidsPath, meansPath }: Rule.Rule, path: string, forbids: boolean): boolean =>
  forbids ? forbidsPath(path) : (Paths.isInside(path) || about?.startsWith("/") === true) && meansPath(path)

/** A word may be a path, or have one behind an equals sign, a comma, a colon, an at sign, or the letters of an option. */
const pathsIn = ({ words }: ShellCommands.ShellCommand): ReadonlyArray<string> =>
  words.slice(1).flatMap((word) =>
    word === undefined ? [] : [
      ...word.split(/[=:,@]/),
      ...Array.from(/^-(\w+)/.exec(word)?.[1]?.slice(0, mostLetters) ?? "", (_, at) => word.slice(at + 2))
    ].filter((part) => part !== "" && Paths.canBe(part))
  )

/** Letters of one word that are taken for options of which the last has a path behind it. */
const mostLetters = 20

/** Where a path may be that begins in one of these folders. */
const placesOf = (
  path: string,
  folders: ReadonlyArray<string>,
  workspace: string | undefined
): ReadonlyArray<string> =>
  path.startsWith("/") || path.startsWith("~")
    ? [Paths.placed(path, workspace)]
    : [...new Set(folders.map((folder) => Paths.placed(`${folder}/${path}`, workspace)))]

/** A rule without parentheses allows every call of a tool, and one with the very line allows that line. */
const allowsWhole = (rule: Rule.Rule, { params, rules: { subject }, tool }: Call): boolean => {
  if (!rule.isOfTool(tool)) return false
  if (rule.about === undefined || rule.about === "*") return true
  const texts = subject?.kind === "command" ? Subjects.textsOf(subject, params) : undefined
  return texts?.length === 1 && texts[0] === rule.about
}

const isAllowed = (rules: Rules, call: Call, part: Part): boolean => {
  if (part.kind === "doubt") return false
  if (rules.allow.some((rule) => means(rule, call.tool, part, false) === "yes")) return true
  // What only reads, and reads inside of the workspace, needs no rule.
  if (part.kind === "path" && part.by === "read") return Paths.isInside(part.path)
  return call.rules.permission === "read" && (part.kind !== "path" || Paths.isInside(part.path))
}

/** The rules that stand by which these parts of a call need no asking; undefined where one of them does. None of the parts is a doubt. */
const standingOn = (call: Call, open: ReadonlyArray<Part>): ReadonlyArray<string> | undefined => {
  const standing = (call.standing ?? []).flatMap((text) => Rule.readIfAny(text) ?? [])
  const whole = standing.find((rule) => allowsWhole(rule, call))
  if (whole !== undefined) return [whole.text]
  const used = new Set<string>()
  for (const part of open) {
    const rule = standing.find((rule) => means(rule, call.tool, part, false) === "yes")
    if (rule === undefined) return undefined
    used.add(rule.text)
  }
  return [...used]
}

const ask = (
  rules: Rules,
  { agent, params, rules: { subject }, tool }: Call,
  why?: string
): Extract<Decision, { readonly decision: "ask" }> => {
  const line = subject?.kind === "command" ? Subjects.textsOf(subject, params)?.[0] : undefined
  const judged = line === undefined ? undefined : CommandRisk.of(line)
  const risk = judged === undefined
    ? ""
    : ` Its risk: ${judged.risk}${judged.reasons.length === 0 ? "" : ` (${judged.reasons.slice(0, 3).join("; ")})`}.`
  return {
    decision: "ask",
    approvers: rules.approvers,
    ...rules.terms,
    prompt: `Agent "${agent}" wants to call ${tool}${why === undefined ? "" : `: ${why}`}.${risk}`
  }
}
