/**
 * Loaded into a process before its program: its wall clock is off by as many
 * milliseconds as a file says, and follows when the file changes. As with the
 * clock of a machine, nothing that sleeps notices.
 */
import { readFileSync } from "node:fs"

const file = process.env["CLOCK_OFFSET"]!
const now = Date.now
const offset = (): number => Number(readFileSync(file, "utf8"))

globalThis.Date = class extends Date {
  constructor(...args: ReadonlyArray<never>) {
    if (args.length === 0) super(now() + offset())
    else super(...args as unknown as [number])
  }
  static override now = () => now() + offset()
} as DateConstructor
