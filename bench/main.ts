/**
 * The step path in figures: `npm run bench [-- --json] [-- --quick] [-- --only NAME]`.
 *
 * Every figure is a ratio to a control taken in the same process and on the
 * same file system, best of the rounds. Nothing here is an assertion.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { cases } from "./cases.ts"
import type { Figure } from "./measure.ts"
import { show } from "./show.ts"

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    dir: { type: "string" }
  }
})

const unknown = values.only?.find((name) => !Object.hasOwn(cases, name))
if (unknown !== undefined) {
  process.stderr.write(`--only ${unknown}: there is ${Object.keys(cases).join(", ")}\n`)
  process.exit(2)
}
const say = (line: string) => process.stderr.write(`${line}\n`)
const folder = mkdtempSync(join(values.dir ?? process.env.FERMATA_BENCH_DIR ?? tmpdir(), "fermata-bench-"))
const figures: Array<Figure> = []
try {
  for (const [name, run] of Object.entries(cases)) {
    if (values.only !== undefined && !values.only.includes(name)) continue
    say(`${name} …`)
    figures.push(...(await run({ folder, rounds: values.quick ? 2 : 5, scale: values.quick ? 0.1 : 1 })))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

show(figures, { json: values.json, quick: values.quick })
