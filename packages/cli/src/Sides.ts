/**
 * Where a command does its work: on a database of this machine, or also at a
 * server (`--server`). Every command says so, and a test goes through them all.
 */
import * as Command from "effect/cli/Command"
import * as Context from "effect/Context"

/** `either` is for commands that do the same on both; what makes no sense but here says why, as the end of "it ...". */
export type Side = "either" | { readonly only: string }

/** The side of a command. One that says nothing is taken by no server. */
export const Side: Context.Reference<Side> = Context.Reference<Side>("@fermata/cli/Side", {
  defaultValue: () => ({ only: "works on a database" })
})

/** The command does the same on a database and at a server. */
export const either = Command.annotate(Side, "either")

/** The command makes sense on this machine alone; `why` is the end of "it ...". */
export const here = (why: string) => Command.annotate(Side, { only: why })

/** The command that is being run, for whoever reads its options. */
export interface Typed {
  /** Its words, without that of the program. */
  readonly path: ReadonlyArray<string>
  readonly side: Side
  /** The folders of the contract files that it names, in whose project it is then. */
  readonly folders: ReadonlyArray<string>
}

/** The command that is being run. */
export const Typed: Context.Reference<Typed> = Context.Reference<Typed>("@fermata/cli/Typed", {
  defaultValue: () => ({ path: [], side: "either", folders: [] })
})

/** The side of the command at the end of this path. */
export const sideOf = (command: Command.Command.Any, path: ReadonlyArray<string>): Side => {
  const [next, ...rest] = path
  if (next === undefined) return Context.get(command.annotations, Side)
  const below = command.subcommands.flatMap(({ commands }) => commands).find(({ name }) => name === next)
  return below === undefined ? Context.get(command.annotations, Side) : sideOf(below, rest)
}
