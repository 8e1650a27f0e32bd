/**
 * What a line for a shell does, as far as its text says so: every command in it,
 * also those in substitutions, loops, functions and here-documents, the files that
 * it writes to and reads from by redirection, and what makes it impossible to say.
 *
 * The line is read as Bash reads it. Where a plain POSIX shell would read it
 * otherwise, so that a command could hide from one of them in a text of the other,
 * that is a doubt.
 */
import { forEachChild, parse, type SyntaxNode, type Word, type WordPart } from "unbash"

/** A command with its words. A word that is only known when the line runs is undefined. */
export interface ShellCommand {
  readonly words: ReadonlyArray<string | undefined>
}

/** What a line does. */
export interface ShellLine {
  readonly commands: ReadonlyArray<ShellCommand>
  /** Files that it writes to by redirection, and those that it reads; undefined where only its run shows which. */
  readonly writes: ReadonlyArray<string | undefined>
  readonly reads: ReadonlyArray<string | undefined>
  /** Folders in which its commands may run and where its relative paths may begin, from the one on in which it runs itself, `.`. */
  readonly folders: ReadonlyArray<string>
  /** Why nobody can say what it does, in words; none where it is plain. */
  readonly doubts: ReadonlyArray<string>
}

/** Longest line that is looked at, in characters. */
export const longest = 20_000

/** Most substitutions in a line that is looked at: it takes the square of how deep they are. */
const mostInside = 200

const tooDeep = "it is nested too deep"

/** Reads a line. Never throws: what cannot be read is a doubt. */
export const read = (line: string): ShellLine => {
  const found = { line, commands: [], writes: [], reads: [], doubts: new Set<string>() } satisfies Found
  if (line.length > longest) found.doubts.add(`it is longer than ${longest} characters`)
  else if (line.includes("\0")) found.doubts.add("it has a NUL character in it")
  else if ((line.match(/[$<>(]\(|\$\{|`|\bcoproc\b/g)?.length ?? 0) > mostInside) found.doubts.add(tooDeep)
  else {
    try {
      visit(parse(line), found)
    } catch {
      found.doubts.add(tooDeep)
    }
  }
  const { commands, reads, writes } = found
  return { commands, writes, reads, folders: foldersOf(found), doubts: [...found.doubts] }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Found {
  readonly line: string
  readonly commands: Array<ShellCommand>
  readonly writes: Array<string | undefined>
  readonly reads: Array<string | undefined>
  readonly doubts: Set<string>
}

/** Where each of its changes of folder may lead, made in their order or left out, since some of them may be in a part that comes to nothing. */
const foldersOf = ({ commands, doubts }: Found): ReadonlyArray<string> => {
  const folders = new Set(["."])
  for (const { words: [name, ...rest] } of commands) {
    if (name !== "cd" && name !== "pushd") continue
    const to = rest.find((word) => word === undefined || word === "-" || !word.startsWith("-"))
    if (to === undefined || to === "-" || folders.size > mostFolders) {
      doubts.add("only its run shows in which folder it works")
      continue
    }
    for (const from of new Set(folders)) folders.add(to.startsWith("/") ? to : `${from}/${to}`)
  }
  return [...folders]
}

const mostFolders = 8

const visit = (node: SyntaxNode, found: Found): void => {
  switch (node.type) {
    case "Script":
      for (const { message } of node.errors ?? []) found.doubts.add(`it is no whole line for a shell: ${message}`)
      break
    case "Command":
      // What begins there is passed over by the parser, and no shell takes it.
      if (
        [node.name, ...node.prefix, ...node.suffix].some((part) => part !== undefined && opensBehind(found.line, part))
      ) {
        found.doubts.add("it is no whole line for a shell: unexpected token '('")
      }
      if (node.name !== undefined) {
        const args = node.args.map((arg) => arg.type === "Word" ? valueOf(arg) : arg.text)
        found.commands.push({ words: [valueOf(node.name), ...args] })
      }
      break
    case "Function":
      found.doubts.add("it defines a function, which may stand in for a command")
      break
    case "Coproc":
      found.doubts.add("it starts a coprocess")
      break
    case "Assignment":
      found.doubts.add(`it sets the variable ${node.name}`)
      break
    case "For":
    case "Select":
      found.doubts.add(`it sets the variable ${node.name.value}`)
      break
    case "Redirect": {
      const { operator, target } = node
      const path = target === undefined ? undefined : valueOf(target)
      // `2>&1` names a stream and no file.
      if ((operator === ">&" || operator === "<&") && path !== undefined && /^(\d+|-|\d+-)$/.test(path)) break
      if (operator === "&>" || operator === "&>>") found.doubts.add(readOtherwise)
      if (operator === "<") found.reads.push(path)
      else if (path !== "/dev/null") found.writes.push(path)
      break
    }
    case "HereDoc":
      if (node.closing === undefined) found.doubts.add("a text in it has no end")
      break
    case "AnsiCQuoted":
    case "LocaleString":
    case "BraceExpansion":
    case "ExtendedGlob":
    case "ProcessSubstitution":
    case "HereString":
    case "TestCommand":
    case "ArrayValue":
      found.doubts.add(readOtherwise)
      break
    case "ParameterExpansion":
      if (node.operation?.type === "Default" && node.operation.operator.endsWith("=")) {
        found.doubts.add(`it sets the variable ${node.parameter}`)
      } else if (node.prefix === "!" || node.operation?.type === "Transform") {
        found.doubts.add("it reads a variable that only its run names")
      }
      break
    case "ArithmeticCommand":
    case "ArithmeticExpansion":
    case "ArithmeticFor":
      // Names in an expression are values of variables, which are expressions again, with commands in them.
      found.doubts.add("it calculates")
      break
  }
  forEachChild(node, (child) => visit(child, found))
}

const opensBehind = (line: string, { end }: { readonly end: number }): boolean =>
  /[ \t]*\(/y.test(line.slice(end, end + mostBlanks))

/** Blanks between a word and what follows it, as far as is looked. */
const mostBlanks = 1_000

const readOtherwise = "one shell reads it otherwise than another"

/** What a word is when the line runs; undefined where its text alone does not say so. */
const valueOf = (word: Word): string | undefined =>
  (word.parts ?? []).every(isPlain) && !(word.parts === undefined && word.text.startsWith("~")) ? word.value : undefined

const isPlain = (part: WordPart, at: number): boolean => {
  switch (part.type) {
    case "Literal":
      return !(at === 0 && part.text.startsWith("~"))
    case "SingleQuoted":
      return true
    case "DoubleQuoted":
      return part.parts.every(({ type }) => type === "Literal")
    default:
      return false
  }
}
