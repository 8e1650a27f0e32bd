import { DBOS } from "@dbos-inc/dbos-sdk"
import { bodies, body, type Open, sleep, until, upTo } from "../contender.ts"
import { databaseBytes } from "../servers.ts"

const sequential = DBOS.registerWorkflow(async (id: string, n: number) => {
  for (let i = 0; i < n; i++) await DBOS.runStep(async () => body(id, i), { name: "work" })
  return n
}, { name: "sequential" })

const parallel = DBOS.registerWorkflow(
  async (id: string, n: number) =>
    (await Promise.all(upTo(n).map((i) => DBOS.runStep(async () => body(id, i), { name: "work" })))).length,
  { name: "parallel" }
)

const waiting = DBOS.registerWorkflow(async (id: string) => {
  await DBOS.runStep(async () => body(id, 0), { name: "work" })
  return DBOS.recv<boolean>("approved", 86_400)
}, { name: "waiting" })

export const open: Open = async ({ server }) => {
  DBOS.setConfig({ name: "peers", systemDatabaseUrl: server, logLevel: "error", runAdminServer: false })
  await DBOS.launch()
  let before = 0
  return {
    sequential: async (id, n) => (await DBOS.startWorkflow(sequential, { workflowID: id })(id, n)).getResult(),
    goOn: (id) => DBOS.retrieveWorkflow(id).getResult(), // the launch has taken up what was left
    parallel: async (id, n) => (await DBOS.startWorkflow(parallel, { workflowID: id })(id, n)).getResult(),
    startWaiting: (id) => {
      before ||= bodies.length
      return DBOS.startWorkflow(waiting, { workflowID: id })(id)
    },
    untilWaiting: async (ids) => {
      await until(() => bodies.length - before === ids.length)
      await sleep(500) // it does not tell when a run has come to its wait
    },
    signal: (id) => DBOS.send(id, true, "approved"),
    untilDone: (ids) => Promise.all(ids.map((id) => DBOS.retrieveWorkflow(id).getResult())),
    bytes: () => databaseBytes(server),
    close: () => DBOS.shutdown()
  }
}
