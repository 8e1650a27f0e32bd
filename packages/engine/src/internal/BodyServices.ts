/**
 * What a workflow body sees in place of the world: a clock that stands at the
 * last delivered entry, random numbers and ids that follow from the run's id,
 * and logs and spans that stay silent while the body is replayed.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Tracer from "effect/Tracer"
import { sha256Now } from "../Digest.ts"
import { SeededCrypto, SeededRandom } from "../Seeded.ts"
import { DayLimit, Granted, InPlaceOf, Reserved } from "./Reserved.ts"
import { CurrentRun } from "./run/RunPort.ts"
import * as RunSpans from "./RunSpans.ts"
import * as Telling from "./secrets/Telling.ts"

const nanosPerMilli = 1_000_000n

/** What the services need of the run's executor. */
export interface BodyWorld {
  /** The run. */
  readonly id: string
  /** Whether its trace is told. */
  readonly sampled: boolean
  /** Whether it is replayed at this moment. */
  readonly replaying: boolean
  /** What random numbers and ids follow from. A fork goes on with another than it shares. */
  readonly seed: string
  /** ms since the epoch, of the last delivered entry. */
  readonly now: number
  /** A durable sleep, in ms. */
  readonly askTimer: (millis: number) => Effect.Effect<void>
  /** A sleep without an end. */
  readonly askNever: () => Effect.Effect<never>
}

class BodyClock implements Clock.Clock {
  private readonly world: BodyWorld
  constructor(world: BodyWorld) {
    this.world = world
  }
  get currentTimeMillis(): Effect.Effect<number> {
    return Effect.sync(() => this.currentTimeMillisUnsafe())
  }
  get currentTimeNanos(): Effect.Effect<bigint> {
    return Effect.sync(() => this.currentTimeNanosUnsafe())
  }
  get monotonicTimeNanos(): Effect.Effect<bigint> {
    return Effect.sync(() => this.monotonicTimeNanosUnsafe())
  }
  currentTimeMillisUnsafe() {
    return this.world.now
  }
  currentTimeNanosUnsafe() {
    return BigInt(Math.floor(this.world.now)) * nanosPerMilli
  }
  monotonicTimeNanosUnsafe() {
    return this.currentTimeNanosUnsafe()
  }
  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (millis <= 0) return Effect.yieldNow
    return millis === Infinity ? this.world.askNever() : this.world.askTimer(Math.ceil(millis))
  }
}

/** A digest of a body, which nothing that the body waits for overtakes, so that ids have the same place in its order on every pass. */
const digest = (algorithm: AlgorithmIdentifier, data: BufferSource): Promise<ArrayBuffer> => {
  const answer = digestNow(algorithm, data)
  const context = Fiber.getCurrent()?.context
  if (context !== undefined) Context.get(context, CurrentRun)?.run.awaitDigest(answer)
  return answer
}

const digestNow = (algorithm: AlgorithmIdentifier, data: BufferSource): Promise<ArrayBuffer> => {
  const name = typeof algorithm === "string" ? algorithm : algorithm.name
  if (sha256Now === undefined || name !== "SHA-256") return globalThis.crypto.subtle.digest(algorithm, data)
  const bytes = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data)
  return Promise.resolve(sha256Now(bytes).slice().buffer as ArrayBuffer)
}

const replaced = <T extends object>(target: T, replacement: Partial<T>): T =>
  new Proxy(target, {
    get: (_, property) => {
      if (property in replacement) return Reflect.get(replacement, property)
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === "function" ? value.bind(target) : value
    }
  })

const subtle = replaced(globalThis.crypto.subtle, { digest })

/** What callers outside of runs make ids with: a digest that, where the platform can, is there at once. */
export const hostCrypto = (crypto: Crypto): Crypto =>
  replaced(crypto, { subtle: replaced(crypto.subtle, { digest: digestNow }) })

const isReplaying = (context: Context.Context<never> | undefined): boolean =>
  context !== undefined && Context.get(context, CurrentRun)?.run.replaying === true

/**
 * What the bodies of all runs share: loggers that are silent in a body that is
 * replayed, and a tracer that is told no secrets. What a body does with it is
 * `RunSpans`' matter.
 */
export const sharedServices = (ambient: Context.Context<never>): Context.Context<never> => {
  const loggers = new Set<Logger.Logger<unknown, unknown>>()
  for (const logger of Context.get(ambient, Logger.CurrentLoggers)) {
    loggers.add(Logger.make((options) => isReplaying(options.fiber.context) ? undefined : logger.log(options)))
  }
  const shared = Context.add(ambient, Logger.CurrentLoggers, loggers)
  return RunSpans.isTraced(ambient)
    ? Context.add(shared, Tracer.Tracer, told(ambient))
    : shared
}

/** The services of one body: those that all bodies share, and what belongs to its run. */
export const bodyServices = (
  shared: Context.Context<never>,
  world: BodyWorld,
  scheduler: Scheduler.Scheduler
): Context.Context<never> =>
  RunSpans.ofBody(shared, world).pipe(
    Context.add(Clock.Clock, new BodyClock(world)),
    Context.add(Random.Random, new SeededRandom(() => world.seed)),
    Context.add(WebCrypto, new SeededCrypto(() => `${world.seed}/ids`, subtle)),
    Context.add(Scheduler.Scheduler, scheduler)
  )

/** The ambient values of what a body sees: step bodies live in the world again. */
export const worldServices = (ambient: Context.Context<never>): Context.Context<never> =>
  Context.empty().pipe(
    // What its step has reserved is not reserved again for those that the body asks for, nor do they take its place.
    Context.add(Reserved, undefined),
    Context.add(DayLimit, undefined),
    Context.add(InPlaceOf, undefined),
    Context.add(Granted, undefined),
    Context.add(Clock.Clock, Context.get(ambient, Clock.Clock)),
    Context.add(Random.Random, Context.get(ambient, Random.Random)),
    Context.add(WebCrypto, Context.get(ambient, WebCrypto)),
    Context.add(Scheduler.Scheduler, Context.get(ambient, Scheduler.Scheduler)),
    Context.add(
      Logger.CurrentLoggers,
      new Set(Array.from(Context.get(ambient, Logger.CurrentLoggers), Telling.logger))
    ),
    Context.add(Tracer.Tracer, told(ambient))
  )

/** The tracer of this process as step bodies may use it. What is told nowhere stays what it is, since whoever asks whether spans are told compares it. */
const told = (ambient: Context.Context<never>): Tracer.Tracer => {
  const tracer = Context.get(ambient, Tracer.Tracer)
  return tracer === Tracer.nativeTracer ? tracer : Telling.tracer(tracer)
}
