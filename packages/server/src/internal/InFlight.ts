/**
 * The requests that are being answered: how many there may be at once, of all
 * callers and of each. Whoever finds no room is refused at once. Where its token
 * is one of those that are shown just now, nothing is looked up for that.
 */
import type { Caller } from "@fermata/api/Access"
import { TooManyRequests } from "@fermata/api/ApiErrors"
import * as EngineMetrics from "@fermata/engine/EngineMetrics"
import { HostClock } from "@fermata/engine/HostClock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type { RequestLimits } from "../ServerOptions.ts"
import * as Callers from "./Callers.ts"
import * as ProblemResponse from "./ProblemResponse.ts"
import * as Refusals from "./Refusals.ts"

/** The place of a request, until its answer begins. */
export interface Place {
  /** Says whose request it is. The refusal where its caller has no room. */
  readonly of: (caller: Pick<Caller["Service"], "how" | "name" | "tenant">) => TooManyRequests | undefined
  readonly leave: () => void
}

/** The place of the request that this fiber answers, where it has one. */
export const CurrentPlace: Context.Reference<Place | undefined> = Context.Reference<Place | undefined>(
  "@fermata/server/CurrentPlace",
  { defaultValue: () => undefined }
)

/** Counts the requests that a process answers. */
export class InFlight extends Context.Service<InFlight, {
  /** Takes a place, or says that there is none. `shown` is the token that the request shows. */
  readonly enter: (shown: string | undefined) => Place | TooManyRequests
  /** How many have a place. */
  readonly open: () => number
  /** The answer to a request that is refused for want of room. It is counted, and told to the log once a minute. */
  readonly refuse: (
    request: HttpServerRequest,
    refusal: TooManyRequests
  ) => Effect.Effect<HttpServerResponse.HttpServerResponse>
}>()("@fermata/server/InFlight") {
  /** The requests of one server. */
  static readonly layer = (limits: RequestLimits = {}): Layer.Layer<InFlight, never, HostClock> =>
    Layer.effect(
      InFlight,
      Effect.gen(function*() {
        const meters = yield* EngineMetrics.meters
        const tell = Refusals.make(yield* HostClock)
        const room = new Room(limits)
        return InFlight.of({
          enter: room.enter,
          open: () => room.open,
          refuse: (request, refusal) => {
            meters.refused(refusal.limit ?? "other")
            return Effect.as(tell(request, refusal), ProblemResponse.of(refusal))
          }
        })
      })
    )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** When (s) a place is likely to be free again: most requests take less. */
const retryAfter = 1

/** A caller, by its name, and by what tells it from those of all tenants. */
interface Who {
  readonly name: string
  readonly key: string
}

/** A token that requests show just now, and whose it is. */
interface Shown {
  readonly who: Who
  count: number
}

class Room {
  open = 0
  private readonly most: number
  private readonly mostOfCaller: number
  private readonly byCaller = new Map<string, number>()
  private readonly tokens = new Map<string, Shown>()

  constructor({ most = 2_000, mostOfCaller = 1_000 }: RequestLimits) {
    this.most = most
    this.mostOfCaller = mostOfCaller
  }

  readonly enter = (shown: string | undefined): Place | TooManyRequests => {
    if (this.open >= this.most) {
      return new TooManyRequests({
        problem: `This server has its ${this.most} requests in flight`,
        limit: "requests",
        retryAfter
      })
    }
    const known = shown === undefined ? undefined : this.tokens.get(shown)
    const refusal = known === undefined ? undefined : this.full(known.who)
    if (refusal !== undefined) return refusal
    this.open++
    return new Seat(this, shown)
  }

  /** The refusal of one more request of this caller, where it has its most. */
  full({ key, name }: Who): TooManyRequests | undefined {
    return (this.byCaller.get(key) ?? 0) < this.mostOfCaller ? undefined : new TooManyRequests({
      problem: `${name} has ${this.mostOfCaller} requests in flight, which is the most`,
      limit: "requests of a caller",
      retryAfter
    })
  }

  took(who: Who, shown: string | undefined): void {
    this.byCaller.set(who.key, (this.byCaller.get(who.key) ?? 0) + 1)
    if (shown === undefined) return
    const known = this.tokens.get(shown)
    if (known === undefined) this.tokens.set(shown, { who, count: 1 })
    else known.count++
  }

  left(who: Who | undefined, shown: string | undefined): void {
    this.open--
    if (who === undefined) return
    const rest = this.byCaller.get(who.key)! - 1
    if (rest === 0) this.byCaller.delete(who.key)
    else this.byCaller.set(who.key, rest)
    const known = shown === undefined ? undefined : this.tokens.get(shown)
    if (known !== undefined && --known.count === 0) this.tokens.delete(shown!)
  }
}

class Seat implements Place {
  private readonly room: Room
  private readonly shown: string | undefined
  private who: Who | undefined

  constructor(room: Room, shown: string | undefined) {
    this.room = room
    this.shown = shown
  }

  /** Whoever asks for what anyone may have is nobody, and counts for the process alone. */
  readonly of: Place["of"] = ({ how, name, tenant }) => {
    if (how === "nobody" || this.who !== undefined) return undefined
    const who = { name, key: Callers.keyOf({ name, tenant }) }
    const refusal = this.room.full(who)
    if (refusal === undefined) {
      this.who = who
      this.room.took(who, this.shown)
    }
    return refusal
  }

  readonly leave = (): void => this.room.left(this.who, this.shown)
}
