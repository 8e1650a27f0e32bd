/** LangGraph's functional API on its SQLite saver, which leaves `synchronous` at NORMAL. */
import { Command, entrypoint, interrupt, task } from "@langchain/langgraph"
import { SqliteSaver } from "@langchain/langgraph-checkpoint-sqlite"
import { join } from "node:path"
import { body, type Open, sizeOf, upTo } from "../contender.ts"

interface Input {
  readonly id: string
  readonly n: number
}

export const open: Open = async ({ folder }) => {
  const file = join(folder, "langgraph.db")
  const checkpointer = SqliteSaver.fromConnString(file)
  const work = task("work", async (id: string, i: number) => body(id, i))
  const sequential = entrypoint({ name: "sequential", checkpointer }, async ({ id, n }: Input) => {
    for (let i = 0; i < n; i++) await work(id, i)
    return n
  })
  const parallel = entrypoint(
    { name: "parallel", checkpointer },
    async ({ id, n }: Input) => (await Promise.all(upTo(n).map((i) => work(id, i)))).length
  )
  const waiting = entrypoint({ name: "waiting", checkpointer }, async ({ id }: { readonly id: string }) => {
    await work(id, 0)
    return interrupt<string, boolean>("approve?")
  })
  const thread = (id: string) => ({ configurable: { thread_id: id } })
  return {
    sequential: (id, n) => sequential.invoke({ id, n }, thread(id)),
    goOn: (id) => sequential.invoke(null, thread(id)),
    parallel: (id, n) => parallel.invoke({ id, n }, thread(id)),
    startWaiting: async (id) => {
      const result: unknown = await waiting.invoke({ id }, thread(id))
      if (typeof result !== "object" || result === null || !("__interrupt__" in result)) {
        throw new Error(`run ${id} does not wait`)
      }
    },
    untilWaiting: async () => {},
    signal: async (id) => {
      const result: unknown = await waiting.invoke(new Command({ resume: true }), thread(id))
      if (result !== true) throw new Error(`run ${id} ended with ${JSON.stringify(result)}`)
    },
    untilDone: async () => {},
    bytes: () => {
      checkpointer.db.pragma("wal_checkpoint(TRUNCATE)")
      return sizeOf(file)
    },
    close: () => checkpointer.db.close()
  }
}
