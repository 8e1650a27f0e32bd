/**
 * Rules that a person may let stand who is asked about a call: those that they
 * know, and none that is about another program, file, host or tool than the call.
 */
import type { Call } from "./Deciding.ts"
import { families } from "./known-commands.ts"
import * as Paths from "./Paths.ts"
import * as Rule from "./Rule.ts"
import * as ShellCommands from "./ShellCommands.ts"
import * as Subjects from "./Subjects.ts"

/** The rules, the narrowest first. */
export const of = (
  { params, rules: { subject }, tool }: Call,
  workspace: string | undefined
): ReadonlyArray<string> => {
  if (!/^[\w.-]+$/.test(tool)) return []
  const texts = subject === undefined ? [] : Subjects.textsOf(subject, params)
  if (texts === undefined || texts.length > 1) return []
  const [text] = texts
  if (subject === undefined || text === undefined) return [tool]
  return aboutOf(subject.kind, subject.kind === "path" ? Paths.placed(text, workspace) : text)
    .filter((about) => about.length <= longest)
    .map((about) => `${tool}(${about})`)
    .filter((rule) => Rule.readIfAny(rule) !== undefined)
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Characters of a rule; a longer one nobody would read. */
const longest = 300

/** Whoever chooses a rule must see all of it. */
const unseen = /\p{C}|[\u2028\u2029]/u

const aboutOf = (kind: "path" | "command" | "url" | "text", text: string): ReadonlyArray<string> => {
  switch (kind) {
    case "path":
      // Patterns do not tell how many backslashes there are.
      return text.includes("\\") || unseen.test(text) ? [] : [Rule.exactPath(text)]
    case "command":
      return commands(text)
    case "url": {
      const host = Rule.hostOf(text)
      return host === undefined || host === "" || host.includes("*") ? [] : [`domain:${host}`]
    }
    case "text":
      return text.includes("*") || unseen.test(text) ? [] : [text]
  }
}

/** The very line, where all of it is known before it runs; and what it begins with, where that is a family of commands. */
const commands = (line: string): ReadonlyArray<string> => {
  const { commands, doubts } = ShellCommands.read(line)
  // A star in a rule stands for anything, and `risk:` for a risk.
  if (doubts.length > 0 || line.includes("*") || line.startsWith("risk:") || unseen.test(line)) return []
  if (commands.some(({ words }) => words.includes(undefined))) return []
  const [only] = commands
  const family = commands.length === 1 && only !== undefined ? familyOf(only.words as ReadonlyArray<string>) : undefined
  return family === undefined ? [line] : [line, `${family}:*`]
}

const familyOf = (words: ReadonlyArray<string>): string | undefined =>
  families.find((family) => {
    const wanted = family.split(" ")
    return wanted.length <= words.length &&
      wanted.every((word, at) => word === "NAME" ? /^[\w][\w:.-]*$/.test(words[at]!) : word === words[at])
  })?.split(" ").map((_, at) => words[at]).join(" ")
