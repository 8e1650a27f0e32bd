/**
 * Rules that a person may let stand who is asked about a call: those that they
 * know, and none that is about another program, file, host or tool than the call.
 */
import type { Permission } from "../../AgentTool.ts"
import type { Call } from "./Deciding.ts"
import { families } from "./known-commands.ts"
import * as Paths from "./Paths.ts"
import * as Rule from "./Rule.ts"
import * as ShellCommands from "./ShellCommands.ts"
import * as Subjects from "./Subjects.ts"

/** A rule, and what it opens, in words for whoever chooses it. */
export interface Candidate {
  readonly rule: string
  readonly opens: string
}

/** The rules, the narrowest first. */
export const of = (
  { params, rules: { permission, subject }, tool }: Call,
  workspace: string | undefined
): ReadonlyArray<Candidate> => {
  if (!/^[\w.-]+$/.test(tool)) return []
  const texts = subject === undefined ? [] : Subjects.textsOf(subject, params)
  if (texts === undefined || texts.length > 1) return []
  const [text] = texts
  if (subject === undefined || text === undefined) {
    const about = Rule.exactArguments(params)
    return [
      ...(about.length <= longest && !unseen.test(about)
        ? [{ rule: `${tool}(${about})`, opens: "calls of it with exactly these arguments" }]
        : []),
      { rule: tool, opens: "every call of it, whatever its arguments" }
    ]
  }
  return aboutOf(subject.kind, subject.kind === "path" ? Paths.placed(text, workspace) : text, permission)
    .filter(({ about }) => about.length <= longest)
    .map(({ about, opens }) => ({ rule: `${tool}(${about})`, opens }))
    .filter(({ rule }) => Rule.readIfAny(rule) !== undefined)
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Characters of a rule; a longer one nobody would read. */
const longest = 300

/** Whoever chooses a rule must see all of it. */
const unseen = /\p{C}|[\u2028\u2029]/u

interface About {
  readonly about: string
  readonly opens: string
}

const aboutOf = (
  kind: "path" | "command" | "url" | "text",
  text: string,
  permission: Permission
): ReadonlyArray<About> => {
  switch (kind) {
    case "path": {
      const opens = permission === "read" ? "this file" : "this file, whatever becomes of what is in it"
      // Patterns do not tell how many backslashes there are.
      return text.includes("\\") || unseen.test(text) ? [] : [{ about: Rule.exactPath(text), opens }]
    }
    case "command":
      return commands(text)
    case "url": {
      const host = Rule.hostOf(text)
      return host === undefined || host === "" || host.includes("*")
        ? []
        : [{ about: `domain:${host}`, opens: "every address of this host" }]
    }
    case "text":
      return text.includes("*") || unseen.test(text)
        ? []
        : [{ about: text, opens: "this again, whatever its other arguments" }]
  }
}

/** The very line, where all of it is known before it runs; and what it begins with, where that is a family of commands. */
const commands = (line: string): ReadonlyArray<About> => {
  const { commands, doubts } = ShellCommands.read(line)
  // A star in a rule stands for anything, and `risk:` for a risk.
  if (doubts.length > 0 || line.includes("*") || line.startsWith("risk:") || unseen.test(line)) return []
  if (commands.some(({ words }) => words.includes(undefined))) return []
  const [only] = commands
  const family = commands.length === 1 && only !== undefined ? familyOf(only.words as ReadonlyArray<string>) : undefined
  const exactly = { about: line, opens: "this very line" }
  return family === undefined
    ? [exactly]
    : [exactly, { about: `${family}:*`, opens: "lines that begin so, whatever follows" }]
}

const familyOf = (words: ReadonlyArray<string>): string | undefined =>
  families.find((family) => {
    const wanted = family.split(" ")
    return wanted.length <= words.length &&
      wanted.every((word, at) => word === "NAME" ? /^[\w][\w:.-]*$/.test(words[at]!) : word === words[at])
  })?.split(" ").map((_, at) => words[at]).join(" ")
