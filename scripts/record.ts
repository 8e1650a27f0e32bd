/**
 * `node scripts/record.ts`: records the journals of this version and format
 * under `test/replay/journals/<version>-format-<format>` (those of format 1 are
 * under the version alone). Run it when a version is released or the format of
 * the journal moves; what was recorded before is never written again.
 */
import { formatVersion } from "@fermata/core/JournalEntry"
import { Effect } from "effect"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { record, scenarios } from "../test/replay/Recordings.ts"

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  readonly version: string
}
const folder = new URL(`../test/replay/journals/${version}-format-${formatVersion}/`, import.meta.url)

mkdirSync(folder, { recursive: true })
for (const [name, scenario] of Object.entries(scenarios)) {
  const file = new URL(`${name}.json`, folder)
  if (existsSync(file)) {
    console.log(`${name} is there`)
    continue
  }
  const { definitions, runs } = await Effect.runPromise(record(scenario))
  const lines = (items: ReadonlyArray<unknown>) => items.map((item) => JSON.stringify(item)).join(",\n")
  const texts = runs.map(({ entries, row }) => `{ "row": ${JSON.stringify(row)},\n"entries": [\n${lines(entries)}\n] }`)
  writeFileSync(file, `{ "definitions": [\n${lines(definitions)}\n],\n"runs": [\n${texts.join(",\n")}\n] }\n`)
  console.log(`${name}: ${runs.map(({ entries, row }) => `${row.status} with ${entries.length} entries`).join(", ")}`)
}
