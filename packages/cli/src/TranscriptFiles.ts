/**
 * The transcript of a run in a folder: of each run, its own and those below it,
 * a folder by its id with the lines in `000000.jsonl` and on, and how it stands
 * in `response.json`. A file is replaced as a whole, so that a reader and a crash
 * find the one before or the one after.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import type { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import { mkdir, readFile, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type CommandFailed, failed } from "./CommandFailed.ts"
import { why } from "./JsonOption.ts"
import type { Operator } from "./Operator.ts"

/** What was written. */
export interface Written {
  readonly runs: number
  readonly lines: number
}

/** Writes the transcripts of a run, and of the runs below it, as they are now. What has not changed is not written again. */
export const save = Effect.fnUntraced(function*(
  operator: Operator,
  runId: string,
  folder: string
): Effect.fn.Return<Written, CommandFailed> {
  const Transcript = yield* Effect.promise(() => import("@fermata/agent/Transcript"))
  const AgentResponse = yield* Effect.promise(() => import("@fermata/agent/AgentResponse"))
  const seen = new Set<string>()
  const open = [runId]
  let count = 0
  for (let run = open.shift(); run !== undefined; run = open.shift()) {
    if (seen.has(run)) continue
    seen.add(run)
    const view = yield* operator.refine(operator.runs.show(run))
    const response = yield* operator.use(AgentResponse.of(run) as Effect.Effect<unknown, unknown, Runs>)
    const lines = Transcript.linesOf(view)
    count += lines.length
    const files = [
      ...Transcript.shardsOf(lines),
      { name: "response.json", text: `${StoredJson.textOf(response)}\n` }
    ]
    yield* Effect.tryPromise({
      try: async () => {
        const own = join(folder, view.id)
        await mkdir(own, { recursive: true })
        await Promise.all(files.map(({ name, text }) => replace(join(own, name), text)))
      },
      catch: (cause) => failed("FileUnwritable", `--out: ${folder} cannot be written: ${why(cause)}`)
    })
    open.push(...view.children.map(({ child }) => child))
  }
  return { runs: seen.size, lines: count }
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const replace = async (file: string, text: string): Promise<void> => {
  if (await readFile(file, "utf8").catch(() => undefined) === text) return
  await writeFile(`${file}.tmp`, text)
  await rename(`${file}.tmp`, file)
}
