/** A collector of OpenTelemetry in a process of its own: counts the bytes that it is told, and says so when it is asked. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

let bytes = 0
const server = createServer((request, response) => {
  request.on("data", (part: Buffer) => void (bytes += part.length))
  request.on("end", () => response.writeHead(200, { "content-type": "application/x-protobuf" }).end())
})
server.listen(
  0,
  "127.0.0.1",
  () => process.send!({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
)

process.on("message", () => {
  process.send!({ bytes })
  bytes = 0
})
process.on("disconnect", () => process.exit())
