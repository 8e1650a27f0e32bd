/** Receivers in memory: what they got, and what they say. */
import * as Egress from "@fermata/engine/Egress"
import { Events } from "@fermata/engine/Events"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Secrets from "@fermata/engine/Secrets"
import { Tasks } from "@fermata/engine/Tasks"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Stream } from "effect"
import { Webhooks } from "../../src/Webhooks.ts"

/** A request as it came. */
export interface Got {
  readonly host: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: {
    readonly type: string
    readonly id: string
    readonly data: unknown
    readonly [name: string]: unknown
  }
  readonly text: string
}

/** What comes to `*.example.com`, in order, and what is answered. */
export class Receivers {
  readonly got: Array<Got> = []
  says: (got: Got) => number | Effect.Effect<number> = () => 200

  readonly wayOut: Layer.Layer<never> = Egress.layerMemory(
    Object.fromEntries(["a", "b", "c"].map((name) => [`${name}.example.com`, ["93.184.216.34"]])),
    ({ body, headers, host }) =>
      Effect.suspend(() => {
        const text = new TextDecoder().decode(body)
        const got: Got = { host, headers: Object.fromEntries(headers), body: JSON.parse(text), text }
        this.got.push(got)
        const said = this.says(got)
        return Effect.map(
          typeof said === "number" ? Effect.succeed(said) : said,
          (status) => ({ status, headers: [], body: Stream.empty })
        )
      }),
    { hosts: ["*.example.com"] }
  )

  /** The ids of the events that came to a host, each as often as it came. */
  ids(host = "a.example.com"): ReadonlyArray<string> {
    return this.got.filter((got) => got.host === host).map(({ body }) => body.id)
  }
}

/** Secrets of processes. */
export const secrets = {
  OLD: "whsec_b2xkIHNlY3JldCBvZiAyNCBieXRlcyE=",
  NEW: "whsec_bmV3IHNlY3JldCBvZiAyNCBieXRlcyE=",
  WORDS: "no base64 at all!"
}

/** The services of a process that works for webhooks. */
export const served = (receivers: Receivers) =>
  Webhooks.served().pipe(
    Layer.provideMerge(Webhooks.layer),
    Layer.provideMerge(Layer.mergeAll(Events.layer, Feed.layer, Runs.layer, Tasks.layer)),
    Layer.provideMerge(Layer.merge(receivers.wayOut, Secrets.layerMemory(secrets)))
  )

/** Lets what was committed become deliveries, and those go out that may. */
export const told = Effect.gen(function*() {
  const host = yield* TestHost
  yield* host.settled
  yield* host.adjustHost(250)
  yield* host.settled
})

/** The address of a receiver. */
export const at = (name: "a" | "b" | "c"): string => `https://${name}.example.com/hook`
