import { Instances } from "@fermata/operations/Instances"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { CommandFailed } from "../../CommandFailed.ts"
import type { Globals } from "../../Globals.ts"
import type { Host } from "../../Host.ts"
import { withHost } from "../../Session.ts"

/** Runs a command on the instances of the machines of the configuration. It takes up none of them. */
export const withInstances = <A, E, R>(
  command: string,
  use: (
    instances: Instances["Service"],
    host: Host,
    globals: Globals
  ) => Effect.Effect<A, E | CommandFailed, R>
) =>
  withHost(
    { command, idle: true, existing: command !== "instances create" },
    (host, globals) =>
      Effect.gen(function*() {
        const { config: { machines = [] } } = yield* host.serve()
        const services = yield* Layer.build(
          Layer.provide(Instances.layer(machines), Layer.succeedContext(host.context))
        )
        return yield* use(Context.get(services, Instances), host, globals)
      })
  )
