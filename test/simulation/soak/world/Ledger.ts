/** What bodies of steps did to the world, where the store knows nothing of it: a file for each process and round. */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { folderOf, now } from "../Setting.ts"

/** One thing that a body did. */
export interface Deed {
  /** The scene whose run it is. */
  readonly scene: string
  /** The key of the step. */
  readonly key: string
  /** The request in the journal that this try carries out, where its body is told. */
  readonly entry?: number
  readonly idempotencyKey: string
  /** The process in which it was done, by the name of its life. */
  readonly life: string
  /** ns of the monotonic clock. */
  readonly at: number
}

/** Does something to the world. It is done once this is back, also where the process is killed then. */
export const act = (round: number, deed: Omit<Deed, "at" | "life">): void => {
  const folder = folderOf(process.env["SOAK_FOLDER"]!, "ledger", round)
  const life = process.env["SOAK_LIFE"]!
  mkdirSync(folder, { recursive: true })
  appendFileSync(join(folder, `${life}.ndjson`), `${JSON.stringify({ ...deed, life, at: now() } satisfies Deed)}\n`)
}

/** Everything that was done in a round. */
export const deeds = (root: string, round: number): ReadonlyArray<Deed> => {
  const folder = folderOf(root, "ledger", round)
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((name) =>
    readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line) as Deed)
  )
}
