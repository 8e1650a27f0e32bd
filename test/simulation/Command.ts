/** A command of the simulation, which runs in the process of whoever calls it: `npm run`, or a test. */
import { parseArgs } from "node:util"

export interface Ended {
  /** 0: no promise was broken; 1: one was; 2: bad usage. */
  readonly status: 0 | 1 | 2
  readonly stdout: string
  /** What was wrong with the usage, or the violations, each with what lives it again. */
  readonly stderr: string
}

/** The arguments are not what the command takes. */
export class BadUsage extends Error {}

/** The values of these options; one that is not among them is bad usage. */
export const optionsOf = <const Name extends string>(
  args: ReadonlyArray<string>,
  names: ReadonlyArray<Name>
): Readonly<Partial<Record<Name, string>>> => {
  try {
    const options = Object.fromEntries(names.map((name) => [name, { type: "string" }] as const))
    return parseArgs({ args: [...args], options }).values as Readonly<Partial<Record<Name, string>>>
  } catch (error) {
    throw new BadUsage(error instanceof Error ? error.message : String(error))
  }
}

/** A whole number from 1. */
export const whole = (name: string, text: string): number => {
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text)
  throw new BadUsage(`--${name} is "${text}"; it must be a whole number from 1`)
}

/** Runs a command; bad usage ends it with 2 and what would be right. */
export const ended = async (usage: string, run: () => Promise<Ended>): Promise<Ended> => {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof BadUsage)) throw error
    return { status: 2, stdout: "", stderr: `${error.message}\n  ${usage}\n` }
  }
}

/** What is told of a command on a terminal while it runs. */
export const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r${text} `)
}

/** Tells of a violation as soon as it is found. */
export const tell = (violation: string): void => void process.stderr.write(violation)

/** Ends the process as the command has ended; its violations are told. */
export const exit = ({ status, stderr, stdout }: Ended): never => {
  if (process.stderr.isTTY) process.stderr.write("\n")
  if (status === 2) process.stderr.write(stderr)
  process.stdout.write(stdout)
  process.exit(status)
}
