/** What a soak takes, look by look: of processes from inside, of files from here. */
import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import type { Taken } from "../world/Probe.ts"
import type { Point } from "./Statistics.ts"

/** The files of the database at one time; bytes. */
export interface Files {
  /** ms since the epoch. */
  readonly at: number
  readonly file: number
  readonly log: number
}

/** Looks at the files of the database. */
export const look = (db: string): Files => ({ at: Date.now(), file: sizeOf(db), log: sizeOf(`${db}-wal`) })

/** What the process of a life said of itself. */
export const takenBy = (folder: string, life: string): ReadonlyArray<Taken> => {
  const file = join(folder, "measures", `${life}.ndjson`)
  if (!existsSync(file)) return []
  return readFileSync(file, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line) as Taken)
}

/** A figure over time. `beganAt` is ms since the epoch. */
export const points = <A extends { readonly at: number }>(
  looks: ReadonlyArray<A>,
  beganAt: number,
  value: (look: A) => number
): ReadonlyArray<Point> => looks.map((look) => ({ at: (look.at - beganAt) / 60_000, value: value(look) }))

/** Bytes as MiB. */
export const mebibytes = (bytes: number): number => bytes / 2 ** 20

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const sizeOf = (file: string): number => existsSync(file) ? statSync(file).size : 0
