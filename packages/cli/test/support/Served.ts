/** A server of a project's database, in this process: it works on runs as `fermata serve` does. */
import { Effect, Fiber } from "effect"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { onTestFinished } from "vitest"
import type { Globals } from "../../src/Globals.ts"
import { serve } from "../../src/Serving.ts"

export interface Served {
  readonly url: string
  /** Stops it in order. */
  readonly stop: () => Promise<void>
}

/** A port that nobody listens at. */
export const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

/** Starts one, as this person as long as the database has no token. */
export const served = async (
  { as, config, db, port, work = true }: {
    readonly db: string
    readonly config: string
    readonly as: string
    readonly port?: number
    readonly work?: boolean
  }
): Promise<Served> => {
  const { exitCode } = process
  const at = port ?? await freePort()
  const globals: Globals = {
    db,
    dbFrom: "option",
    server: undefined,
    tenant: undefined,
    config,
    json: false,
    as,
    roles: [as],
    asFrom: "option",
    usually: as,
    model: "scripted",
    leaseMs: undefined
  }
  const fiber = Effect.runFork(Effect.scoped(
    serve(globals, { host: "127.0.0.1", port: at, work, tls: undefined, names: [], origins: [], proxies: [] })
  ))
  const url = `http://127.0.0.1:${at}`
  const stop = async () => {
    await Effect.runPromise(Fiber.interrupt(fiber))
    process.exitCode = exitCode
  }
  onTestFinished(stop)
  const isUp = () => fetch(`${url}/api/heartbeat`).then(({ ok }) => ok, () => false)
  while (!(await isUp())) {
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) throw new Error(`the server has ended: ${JSON.stringify(exit)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return { url, stop }
}
