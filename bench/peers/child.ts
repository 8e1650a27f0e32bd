/** One measurement in a process of its own: `node child.ts CONTENDER WORKLOAD FOLDER [SERVER]`; the last line of stdout is its result. */
import { type Open, sleep } from "./contender.ts"
import { contenders } from "./contenders.ts"
import { longOf, type Readings, workloads } from "./workloads.ts"

const [name, workload, folder, server] = process.argv.slice(2)
const found = contenders.find((contender) => contender.name === name)
const measure = workloads[workload ?? ""]
if (found === undefined || workload === undefined || measure === undefined || folder === undefined) {
  throw new Error(`no contender ${name}, or no workload ${workload}`)
}

const answer = (result: { readonly readings: Readings } | { readonly error: string }) =>
  new Promise<void>((resolve) => process.stdout.write(`\n${JSON.stringify(result)}\n`, () => resolve()))

try {
  const { open } = (await import(`./contenders/${found.file}.ts`)) as { readonly open: Open }
  const long = longOf(found, workload)
  const contender = await open({ folder, server: server ?? "", long }, found.variant)
  const readings = await measure(contender, long)
  await answer({ readings })
  await Promise.race([contender.close(), sleep(2_000)])
} catch (error) {
  await answer({ error: error instanceof Error ? error.message : String(error) })
}
process.exit(0)
