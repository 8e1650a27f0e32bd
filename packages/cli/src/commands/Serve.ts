import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { refused } from "../CommandFailed.ts"
import { globals } from "../Globals.ts"
import * as Sides from "../Sides.ts"
import * as Arguments from "./Arguments.ts"

const notEmpty = Flag.filter((text: string) => text.trim() !== "", () => "expected a text that is not empty")

/** An option that may be given more than once. */
const several = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(`${description}; may be repeated`),
    notEmpty,
    Flag.atLeast(0)
  )

/** An option that is a limit. */
const atMost = (name: string, description: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(description),
    Flag.filter((limit) => limit >= 1, (limit) => `${limit} is less than 1`),
    Flag.optional
  )

/** `fermata serve` */
export const commandServe = Command.make("serve", {
  port: Flag.Int("port").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Listen on this port, 0 for any; default 4314"),
    Flag.filter((port) => port >= 0 && port <= 65_535, (port) => `${port} is not from 0 to 65535`),
    Flag.withDefault(4314)
  ),
  host: Flag.String("host").pipe(
    Flag.withMetavar("ADDRESS"),
    Flag.withDescription(
      "Listen at this address; default 127.0.0.1, which only this machine reaches. Any other asks for tokens"
    ),
    notEmpty,
    Flag.withDefault("127.0.0.1")
  ),
  tlsCert: Arguments.identity(
    "tls-cert",
    "FILE",
    "Serve over TLS with this certificate (PEM), those that vouch for it behind it"
  ),
  tlsKey: Arguments.identity("tls-key", "FILE", "The key of the certificate (PEM)"),
  allowHost: several("allow-host", "NAME", "A name under which callers reach it, such as runs.example.org"),
  allowOrigin: several(
    "allow-origin",
    "ORIGIN",
    "Another origin whose pages may act here, such as https://desk.example.org"
  ),
  trustProxy: several("trust-proxy", "NETWORK", "Proxies whose X-Forwarded headers are believed, such as 10.0.0.5/32")
    .pipe(
      Flag.filter(
        (networks) => networks.every((network) => Result.isSuccess(IpNetwork.fromString(network))),
        (networks) => `expected networks such as 10.0.0.5/32, found ${networks.join(", ")}`
      )
    ),
  maxRequests: atMost(
    "max-requests",
    "Answer at most so many requests at once, and refuse others with 429; default 2000"
  ),
  maxRequestsOfCaller: atMost(
    "max-requests-of-caller",
    "The same for each caller, by the name of its tokens; default 1000"
  ),
  work: Flag.Boolean("work").pipe(
    Flag.withDescription(
      "Work on runs beside it, as a worker does, which is the default; with --no-work it serves alone"
    ),
    Flag.withDefault(true)
  )
}, (
  { allowHost, allowOrigin, host, maxRequests, maxRequestsOfCaller, port, tlsCert, tlsKey, trustProxy, work }
) =>
  Effect.gen(function*() {
    const cert = Option.getOrUndefined(tlsCert)
    const key = Option.getOrUndefined(tlsKey)
    if ((cert === undefined) !== (key === undefined)) {
      return yield* refused("InvalidValue", "--tls-cert and --tls-key belong together: give both or neither")
    }
    const { serve } = yield* Effect.promise(() => import("../Serving.ts"))
    yield* Effect.scoped(serve(yield* globals, {
      host,
      port,
      work,
      tls: cert === undefined || key === undefined ? undefined : { cert, key },
      names: allowHost,
      origins: allowOrigin,
      proxies: trustProxy,
      requests: {
        ...(Option.isSome(maxRequests) ? { most: maxRequests.value } : {}),
        ...(Option.isSome(maxRequestsOfCaller) ? { mostOfCaller: maxRequestsOfCaller.value } : {})
      }
    }))
  })).pipe(
    Command.withDescription("Serve runs over HTTP, and work on them, until it is stopped"),
    Sides.here("is the server, of a database"),
    Command.withExamples([
      { command: "fermata serve", description: "At http://127.0.0.1:4314, until Ctrl-C" },
      { command: "fermata serve --no-work", description: "Serve what other processes work on" },
      {
        command: "fermata serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem",
        description: "To others too, who show tokens"
      }
    ])
  )
