/**
 * What a workflow body sees in place of the world: a clock that stands at the
 * last delivered entry, random numbers and ids that follow from the run's id,
 * and logs and spans that stay silent while the body is replayed.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import { WebCrypto } from "effect/crypto/WebCrypto"
import type * as Duration from "effect/Duration"
import * as DurationModule from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Tracer from "effect/Tracer"
import { sha256Now } from "./Digest.ts"

const nanosPerMilli = 1_000_000n

/** What the services need of the run's executor. */
export interface BodyWorld {
  readonly runId: string
  /** ms since the epoch, of the last delivered entry. */
  readonly now: () => number
  readonly replaying: () => boolean
  readonly sleep: (millis: number) => Effect.Effect<void>
}

class BodyClock implements Clock.Clock {
  private readonly world: BodyWorld
  readonly currentTimeMillis: Effect.Effect<number>
  readonly currentTimeNanos: Effect.Effect<bigint>
  readonly monotonicTimeNanos: Effect.Effect<bigint>
  constructor(world: BodyWorld) {
    this.world = world
    this.currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
    this.currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
    this.monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())
  }
  currentTimeMillisUnsafe() {
    return this.world.now()
  }
  currentTimeNanosUnsafe() {
    return BigInt(this.world.now()) * nanosPerMilli
  }
  monotonicTimeNanosUnsafe() {
    return this.currentTimeNanosUnsafe()
  }
  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = DurationModule.toMillis(duration)
    if (millis <= 0) return Effect.yieldNow
    return Number.isFinite(millis) ? this.world.sleep(Math.ceil(millis)) : Effect.never
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

const makeRandom = (next: () => number) => ({
  nextDoubleUnsafe: () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992,
  nextIntUnsafe: () => {
    const value = (next() >>> 11) * 4294967296 + next()
    return (next() & 1) === 0 ? value : -value
  }
})

const makeCrypto = (next: () => number): Crypto => {
  const getRandomValues = <T extends ArrayBufferView>(array: T): T => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    for (let i = 0; i < bytes.length; i++) bytes[i] = next() & 0xff
    return array
  }
  const digest = (algorithm: AlgorithmIdentifier, data: BufferSource): Promise<ArrayBuffer> => {
    const name = typeof algorithm === "string" ? algorithm : algorithm.name
    if (sha256Now === undefined || name !== "SHA-256") return globalThis.crypto.subtle.digest(algorithm, data)
    const bytes = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data)
    return Promise.resolve(sha256Now(bytes).slice().buffer as ArrayBuffer)
  }
  const subtle = new Proxy(globalThis.crypto.subtle, {
    get: (target, property) => {
      if (property === "digest") return digest
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === "function" ? value.bind(target) : value
    }
  })
  return {
    subtle,
    getRandomValues,
    randomUUID: () => {
      const bytes = getRandomValues(new Uint8Array(16))
      bytes[6] = (bytes[6]! & 0x0f) | 0x40
      bytes[8] = (bytes[8]! & 0x3f) | 0x80
      const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
    }
  }
}

const silent = (world: BodyWorld, ambient: Context.Context<never>) => {
  const loggers = new Set<Logger.Logger<unknown, unknown>>()
  for (const logger of Context.get(ambient, Logger.CurrentLoggers)) {
    loggers.add(Logger.make((options) => world.replaying() ? undefined : logger.log(options)))
  }
  const tracer = Context.get(ambient, Tracer.Tracer)
  return {
    loggers,
    tracer: Tracer.make({
      span: (options) => world.replaying() ? new Tracer.NativeSpan(options) : tracer.span(options),
      ...(tracer.context === undefined ? {} : { context: tracer.context })
    })
  }
}

/** The references that replace the ambient ones inside the body of a run. */
export const bodyServices = (
  world: BodyWorld,
  scheduler: Scheduler.Scheduler,
  ambient: Context.Context<never>
): Context.Context<never> => {
  const { loggers, tracer } = silent(world, ambient)
  const next = generator(world.runId)
  return ambient.pipe(
    Context.add(Clock.Clock, new BodyClock(world)),
    Context.add(Random.Random, makeRandom(next)),
    Context.add(WebCrypto, makeCrypto(generator(`${world.runId}/ids`))),
    Context.add(Scheduler.Scheduler, scheduler),
    Context.add(Logger.CurrentLoggers, loggers),
    Context.add(Tracer.Tracer, tracer)
  )
}

/** The ambient values of what `bodyServices` replaces: step bodies live in the world again. */
export const worldServices = (ambient: Context.Context<never>): Context.Context<never> =>
  Context.empty().pipe(
    Context.add(Clock.Clock, Context.get(ambient, Clock.Clock)),
    Context.add(Random.Random, Context.get(ambient, Random.Random)),
    Context.add(WebCrypto, Context.get(ambient, WebCrypto)),
    Context.add(Scheduler.Scheduler, Context.get(ambient, Scheduler.Scheduler)),
    Context.add(Logger.CurrentLoggers, Context.get(ambient, Logger.CurrentLoggers)),
    Context.add(Tracer.Tracer, Context.get(ambient, Tracer.Tracer))
  )
