/**
 * Where a line of words stands in the tree of commands: which command it has
 * reached, with which arguments, and what comes next.
 */
import * as Completions from "effect/cli/Completions"

export type Command = Completions.CommandDescriptor
export type Option = Completions.FlagDescriptor

/** A place behind some words. */
export interface Place {
  /** The names of the commands, without that of the root. */
  readonly path: ReadonlyArray<string>
  readonly command: Command
  /** What follows the commands and is no option. Of a command that has others below it, the first is one that it does not have. */
  readonly operands: ReadonlyArray<string>
  /** Options that were given, the last value of each; an option without a value is "". */
  readonly options: ReadonlyMap<string, string>
  /** The option whose value comes next. */
  readonly wants?: Option
}

/** Goes through the words from the root. `everywhere` are the options of every command. */
export const placeOf = (root: Command, everywhere: ReadonlyArray<Option>, words: ReadonlyArray<string>): Place => {
  const path: Array<string> = []
  const operands: Array<string> = []
  const options = new Map<string, string>()
  let command = root
  let wants: Option | undefined
  let isPlain = false
  for (const word of words) {
    if (wants !== undefined) {
      options.set(wants.name, word)
      wants = undefined
    } else if (word === "--" && !isPlain) {
      isPlain = true
    } else if (word.startsWith("-") && !isPlain) {
      const sign = word.indexOf("=")
      const option = optionNamed([...command.flags, ...everywhere], sign < 0 ? word : word.slice(0, sign))
      if (option === undefined) continue
      options.set(option.name, sign < 0 ? "" : word.slice(sign + 1))
      if (sign < 0 && option.type._tag !== "Boolean") wants = option
    } else {
      const next = operands.length === 0 ? command.subcommands.find(({ name }) => name === word) : undefined
      if (next === undefined) {
        operands.push(word)
      } else {
        command = next
        path.push(word)
      }
    }
  }
  return { path, command, operands, options, ...(wants === undefined ? {} : { wants }) }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const optionNamed = (options: ReadonlyArray<Option>, word: string): Option | undefined =>
  options.find(({ aliases, name }) =>
    word === `--${name}` || aliases.some((alias) => word === (alias.length === 1 ? `-${alias}` : `--${alias}`))
  )
