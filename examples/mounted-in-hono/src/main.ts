/**
 * node examples/mounted-in-hono/src/main.ts --port 3000  serves the shop until it is stopped
 * node examples/mounted-in-hono/src/main.ts              asks it once, without a port
 */
import * as NodeHost from "@fermata/host-node/NodeHost"
import { serve } from "@hono/node-server"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { app } from "./App.ts"
import { fermata } from "./Fermata.ts"

const { values } = parseArgs({
  options: { port: { type: "string" }, folder: { type: "string", default: ".fermata" } }
})

const { dispose, handler } = fermata(NodeHost.layer({ db: join(values.folder, "shop.db") }))
const shop = app(handler)

if (values.port === undefined) {
  for (const path of ["/", "/api/heartbeat"]) {
    const response = await shop.request(`http://localhost${path}`)
    console.log(`${path} ${response.status} ${await response.text()}`)
  }
  await dispose()
} else {
  const server = serve({ fetch: shop.fetch, hostname: "127.0.0.1", port: Number(values.port) })
  process.once("SIGTERM", () => void server.close(() => void dispose()))
}
