/** Mastra's own workflow engine on its libsql store, which asks for `synchronous = NORMAL`. */
import { Mastra } from "@mastra/core/mastra"
import { createStep, createWorkflow } from "@mastra/core/workflows"
import { LibSQLStore } from "@mastra/libsql"
import { join } from "node:path"
import { z } from "zod"
import { body, type Open, sizeOf, upTo } from "../contender.ts"

const schemas = { inputSchema: z.any(), outputSchema: z.any() }

const step = (i: number) => createStep({ id: `step-${i}`, ...schemas, execute: async ({ runId }) => body(runId, i) })

/** `n` steps written one after another. */
const chain = (n: number) => {
  let workflow = createWorkflow({ id: `chain-${n}`, ...schemas })
  for (let i = 0; i < n; i++) workflow = workflow.then(step(i)) as typeof workflow
  return workflow.commit()
}

/** One step, again and again. */
const loop = createWorkflow({ id: "loop", ...schemas }).dountil(
  createStep({
    id: "work",
    ...schemas,
    execute: async ({ runId, inputData }) => ({
      ...body(runId, inputData.next),
      n: inputData.n,
      next: inputData.next + 1
    })
  }),
  async ({ inputData }) => inputData.next >= inputData.n
).commit()

const parallel = createWorkflow({ id: "parallel", inputSchema: z.array(z.number()), outputSchema: z.any() }).foreach(
  createStep({ id: "work", ...schemas, execute: async ({ runId, inputData }) => body(runId, inputData) }),
  { concurrency: 500 }
).commit()

const waiting = createWorkflow({ id: "waiting", ...schemas }).then(step(0)).then(createStep({
  id: "approve",
  ...schemas,
  resumeSchema: z.any(),
  suspendSchema: z.any(),
  execute: async ({ resumeData, suspend }) => resumeData ?? await suspend({})
})).commit()

/** Variants: `chain` and `loop`, two ways to write many steps. */
export const open: Open = async ({ folder, long }, variant) => {
  const mastra = new Mastra({
    logger: false,
    storage: new LibSQLStore({ id: "store", url: `file:${join(folder, "mastra.db")}` }),
    workflows: {
      loop,
      parallel,
      waiting,
      ...Object.fromEntries([...new Set([5, long])].map((n) => [`chain-${n}`, chain(n)]))
    }
  })
  await mastra.getStorage()?.init()
  const run = (workflow: string, runId: string) => mastra.getWorkflow(workflow as "loop").createRun({ runId })
  const expect = async (status: string, result: Promise<{ readonly status: string }>) => {
    const { status: found, ...rest } = await result
    if (found !== status) throw new Error(`the run is ${found}, not ${status}: ${JSON.stringify(rest).slice(0, 200)}`)
  }
  const sequential = (n: number) => variant === "loop" ? "loop" : `chain-${n}`
  return {
    sequential: async (id, n) => expect("success", (await run(sequential(n), id)).start({ inputData: { n, next: 0 } })),
    goOn: async (id, n) => expect("success", (await run(sequential(n), id)).restart()),
    parallel: async (id, n) => expect("success", (await run("parallel", id)).start({ inputData: upTo(n) })),
    startWaiting: async (id) => expect("suspended", (await run("waiting", id)).start({ inputData: {} })),
    untilWaiting: async () => {},
    signal: async (id) =>
      expect("success", (await run("waiting", id)).resume({ step: "approve", resumeData: { approved: true } })),
    untilDone: async () => {},
    bytes: () => sizeOf(folder),
    close: () => {}
  }
}
