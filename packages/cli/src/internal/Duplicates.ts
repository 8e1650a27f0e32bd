/**
 * Workflows that a configuration has twice under one name: which of them a run
 * is of would be a matter of chance, so it is told with both places.
 */
import * as Contract from "@fermata/contracts/Contract"
import { refused } from "../CommandFailed.ts"
import { type ContractFile, fileLabel } from "../ContractFile.ts"

/** What is said of a program that was registered before. */
export const programs = (definition: string, before: string, now: string) =>
  refused(
    "ConfigInvalid",
    `${definition} is there twice, ${
      before === now ? `both in ${now}` : `in ${before} and in ${now}`
    }: give one of them another name, or another version with Workflows.Version`
  )

/** What is wrong with these contracts beside each other, and beside programs (`name@version` to where they are); undefined when nothing is. */
export const contracts = (
  files: ReadonlyArray<ContractFile>,
  programs: ReadonlyMap<string, string>
): string | undefined => {
  const known = new Map<string, ContractFile>()
  for (const file of files) {
    const { id, version } = file.contract
    const program = programOf(id, programs)
    if (program !== undefined) {
      return `"${id}" is a contract in ${
        fileLabel(file.file)
      } and a program in ${program}: give one of them another name`
    }
    const before = known.get(`${id}@${version}`)
    known.set(`${id}@${version}`, file)
    if (before !== undefined && canonical(before) !== canonical(file)) {
      return `${id}@${version} is there twice, in ${fileLabel(before.file)} and, other than that, in ${
        fileLabel(file.file)
      }: give one of them another id or version`
    }
  }
  return undefined
}

/** Where the program of this name is. */
const programOf = (name: string, programs: ReadonlyMap<string, string>): string | undefined =>
  Array.from(programs).find(([definition]) => definition.slice(0, definition.lastIndexOf("@")) === name)?.[1]

const canonical = ({ contract, kinds }: ContractFile): string => Contract.canonicalJson(contract, kinds)
