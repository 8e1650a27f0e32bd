/** Restate: its server is a process of its own, and this process the endpoint that it calls. */
import * as restate from "@restatedev/restate-sdk"
import * as clients from "@restatedev/restate-sdk-clients"
import { createServer } from "node:http2"
import { bodies, body, each, type Open, sizeOf, sleep, until, upTo } from "../contender.ts"
import type { RestateAddress } from "../servers.ts"

interface Input {
  readonly id: string
  readonly n: number
}

const service = restate.service({
  name: "Service",
  handlers: {
    parallel: async (ctx: restate.Context, { id, n }: Input) =>
      (await restate.RestatePromise.all(upTo(n).map((i) => ctx.run(`work-${i}`, () => body(id, i))))).length
  }
})
const sequential = restate.workflow({
  name: "Sequential",
  handlers: {
    run: async (ctx: restate.WorkflowContext, { id, n }: Input) => {
      for (let i = 0; i < n; i++) await ctx.run("work", () => body(id, i))
      return n
    }
  }
})
const waiting = restate.workflow({
  name: "Waiting",
  handlers: {
    run: async (ctx: restate.WorkflowContext, { id }: { readonly id: string }) => {
      await ctx.run("work", () => body(id, 0))
      return ctx.promise<boolean>("approved").get()
    },
    approve: async (ctx: restate.WorkflowSharedContext) => ctx.promise<boolean>("approved").resolve(true)
  }
})

export const open: Open = async ({ server }) => {
  const { admin, endpointPort, folder, ingress } = JSON.parse(server) as RestateAddress
  const http = createServer(restate.createEndpointHandler({ services: [service, sequential, waiting] }))
  await new Promise<void>((resolve) => http.listen(endpointPort, "127.0.0.1", resolve))
  const response = await fetch(`${admin}/deployments`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ uri: `http://127.0.0.1:${endpointPort}` })
  })
  if (!response.ok) throw new Error(await response.text())
  const client = clients.connect({ url: ingress })
  let before = 0
  const attach = (id: string) => client.workflowClient<typeof sequential>({ name: "Sequential" }, id).workflowAttach()
  return {
    sequential: async (id, n) => {
      await client.workflowClient<typeof sequential>({ name: "Sequential" }, id).workflowSubmit({ id, n })
      return attach(id)
    },
    goOn: attach,
    parallel: async (id, n) => client.serviceClient<typeof service>({ name: "Service" }).parallel({ id, n }),
    startWaiting: (id) => {
      before ||= bodies.length
      return client.workflowClient<typeof waiting>({ name: "Waiting" }, id).workflowSubmit({ id })
    },
    untilWaiting: async (ids) => {
      await until(() => bodies.length - before === ids.length)
      await sleep(500) // it does not tell when a run has come to its wait
    },
    signal: async (id) => client.workflowClient<typeof waiting>({ name: "Waiting" }, id).approve(),
    untilDone: (ids) =>
      each(ids, 50, (id) => client.workflowClient<typeof waiting>({ name: "Waiting" }, id).workflowAttach()),
    bytes: () => sizeOf(folder),
    close: () => http.close()
  }
}
