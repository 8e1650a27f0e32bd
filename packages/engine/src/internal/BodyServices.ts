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
import { sha256Now } from "./Digest.ts"
import { CurrentRun } from "./ExecutorTypes.ts"

const nanosPerMilli = 1_000_000n

/** What the services need of the run's executor. */
export interface BodyWorld {
  /** What random numbers and ids follow from. A fork goes on with another than it shares. */
  readonly seed: string
  /** ms since the epoch, of the last delivered entry. */
  readonly now: number
  /** A durable sleep, in ms. */
  readonly askTimer: (millis: number) => Effect.Effect<void>
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
    return BigInt(this.world.now) * nanosPerMilli
  }
  monotonicTimeNanosUnsafe() {
    return this.currentTimeNanosUnsafe()
  }
  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (millis <= 0) return Effect.yieldNow
    return Number.isFinite(millis) ? this.world.askTimer(Math.ceil(millis)) : Effect.never
  }
}

/** xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021). */
const generator = (seed: string): () => number => {
  // FNV-1a over the seed, once per word with another offset, fills the state.
  const words = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35].map((offset) => {
    let hash = offset
    for (let i = 0; i < seed.length; i++) hash = Math.imul(hash ^ seed.charCodeAt(i), 0x01000193)
    return hash >>> 0
  })
  let [a, b, c, d] = words as [number, number, number, number]
  const rotl = (x: number, k: number) => (x << k) | (x >>> (32 - k))
  const next = () => {
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = rotl(d, 11)
    return result
  }
  for (let i = 0; i < 16; i++) next()
  return next
}

/** Most bodies ask for no random number, so the generator is made when the first is asked for. */
class BodyRandom {
  private readonly world: BodyWorld
  private readonly suffix: string
  private seed: string | undefined
  private next: (() => number) | undefined
  constructor(world: BodyWorld, suffix = "") {
    this.world = world
    this.suffix = suffix
  }
  private word(): number {
    if (this.next === undefined || this.seed !== this.world.seed) {
      this.seed = this.world.seed
      this.next = generator(`${this.seed}${this.suffix}`)
    }
    return this.next()
  }
  nextDoubleUnsafe(): number {
    return ((this.word() >>> 5) * 67108864 + (this.word() >>> 6)) / 9007199254740992
  }
  nextIntUnsafe(): number {
    const value = (this.word() >>> 11) * 4294967296 + this.word()
    return (this.word() & 1) === 0 ? value : -value
  }
  byte(): number {
    return this.word() & 0xff
  }
}

class BodyCrypto implements Crypto {
  private readonly random: BodyRandom
  constructor(world: BodyWorld) {
    this.random = new BodyRandom(world, "/ids")
  }
  get subtle(): SubtleCrypto {
    return subtle
  }
  getRandomValues<T extends ArrayBufferView>(array: T): T {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.random.byte()
    return array
  }
  randomUUID(): `${string}-${string}-${string}-${string}-${string}` {
    const bytes = this.getRandomValues(new Uint8Array(16))
    bytes[6] = (bytes[6]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }
}

/** A digest of a body, which nothing that the body waits for overtakes, so that ids have the same place in its order on every pass. */
const digest = (algorithm: AlgorithmIdentifier, data: BufferSource): Promise<ArrayBuffer> => {
  const answer = digestNow(algorithm, data)
  const context = Fiber.getCurrent()?.context
  if (context !== undefined) Context.get(context, CurrentRun)?.executor.awaitDigest(answer)
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
export const hostCrypto = (crypto: Crypto): Crypto => replaced(crypto, { subtle: replaced(crypto.subtle, { digest: digestNow }) })

const isReplaying = (context: Context.Context<never> | undefined): boolean =>
  context !== undefined && Context.get(context, CurrentRun)?.executor.replaying === true

/** What the bodies of all runs share: loggers and a tracer that are silent in a body that is replayed. */
export const sharedServices = (ambient: Context.Context<never>): Context.Context<never> => {
  const loggers = new Set<Logger.Logger<unknown, unknown>>()
  for (const logger of Context.get(ambient, Logger.CurrentLoggers)) {
    loggers.add(Logger.make((options) => isReplaying(options.fiber.context) ? undefined : logger.log(options)))
  }
  const tracer = Context.get(ambient, Tracer.Tracer)
  return ambient.pipe(
    Context.add(Logger.CurrentLoggers, loggers),
    Context.add(
      Tracer.Tracer,
      Tracer.make({
        span: (options) =>
          isReplaying(Fiber.getCurrent()?.context) ? new Tracer.NativeSpan(options) : tracer.span(options),
        ...(tracer.context === undefined ? {} : { context: tracer.context })
      })
    )
  )
}

/** The services of one body: those that all bodies share, and what belongs to its run. */
export const bodyServices = (
  shared: Context.Context<never>,
  world: BodyWorld,
  scheduler: Scheduler.Scheduler
): Context.Context<never> =>
  shared.pipe(
    Context.add(Clock.Clock, new BodyClock(world)),
    Context.add(Random.Random, new BodyRandom(world)),
    Context.add(WebCrypto, new BodyCrypto(world)),
    Context.add(Scheduler.Scheduler, scheduler)
  )

/** The ambient values of what a body sees: step bodies live in the world again. */
export const worldServices = (ambient: Context.Context<never>): Context.Context<never> =>
  Context.empty().pipe(
    Context.add(Clock.Clock, Context.get(ambient, Clock.Clock)),
    Context.add(Random.Random, Context.get(ambient, Random.Random)),
    Context.add(WebCrypto, Context.get(ambient, WebCrypto)),
    Context.add(Scheduler.Scheduler, Context.get(ambient, Scheduler.Scheduler)),
    Context.add(Logger.CurrentLoggers, Context.get(ambient, Logger.CurrentLoggers)),
    Context.add(Tracer.Tracer, Context.get(ambient, Tracer.Tracer))
  )
