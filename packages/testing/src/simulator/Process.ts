/** One process of a simulated world: an engine on a lane of its own, which may die at any task. */
import type { Backend, DefinitionRow } from "@fermata/engine/Backend"
import { Engine } from "@fermata/engine/Engine"
import type { EngineOptions } from "@fermata/engine/EngineOptions"
import { EngineProbe } from "@fermata/engine/EngineProbe"
import type { Description } from "@fermata/engine/Extension"
import type { ManualHostClock } from "@fermata/engine/HostClock"
import { CurrentPace, type MakePace } from "@fermata/engine/Pace"
import { SeededCrypto, SeededRandom } from "@fermata/engine/Seeded"
import type { Limits } from "@fermata/engine/Workflows"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import type * as CrashHost from "../CrashHost.ts"
import { TestHost } from "../TestHost.ts"
import { Lane, type Lanes } from "./Lanes.ts"
import type { Subject } from "./Subject.ts"

export interface Setting {
  readonly lanes: Lanes
  readonly hostClock: ManualHostClock
  readonly workflows: Layer.Layer<never, unknown, CrashHost.Services>
  readonly engine: Partial<EngineOptions>
  /** Changes the engine once it is built. */
  readonly tamper: Subject["tamper"]
  /** Where bodies give way to the event loop. */
  readonly pace: MakePace
  /** Told of every line that is logged. */
  readonly logged: (line: string) => void
  /** Told of every program that a process serves, as `name@version`, with its limits. */
  readonly serves: (program: string, limits: Limits) => void
  /** Told whenever the body of a step spends something. */
  readonly spends: EngineProbe["bodySpends"]
  /** Told whenever the body of a step begins. */
  readonly begins: (runId: string, key: string, attempt: number) => void
}

export class Process {
  readonly name: string
  readonly lane: Lane
  /** Built, its workflows registered. */
  services: Context.Context<never> | undefined
  /** Why it could not be built. */
  failure: unknown
  private engine: Engine["Service"] | undefined
  private readonly setting: Setting
  private readonly scope = Scope.makeUnsafe()
  private readonly base: Context.Context<never>

  constructor(setting: Setting, name: string) {
    this.setting = setting
    this.name = name
    this.lane = new Lane(setting.lanes, name)
    const logger = Logger.make((options) =>
      setting.logged(`${JSON.stringify(options.message)} ${Cause.pretty(options.cause)}`)
    )
    this.base = Context.empty().pipe(
      Context.add(Scheduler.Scheduler, this.lane),
      Context.add(Clock.Clock, this.lane.clock),
      Context.add(Random.Random, new SeededRandom(name)),
      Context.add(WebCrypto, new SeededCrypto(name, globalThis.crypto.subtle)),
      Context.add(CurrentPace, setting.pace),
      Context.add(EngineProbe, { bodyBegins: setting.begins, bodySpends: setting.spends, serves: setting.serves }),
      Context.add(Logger.CurrentLoggers, new Set([logger]))
    )
  }

  /** Starts the engine and registers the workflows; it is there once `services` is. */
  start(backend: Backend): void {
    const { engine, hostClock, tamper, workflows } = this.setting
    const build = Effect.gen({ self: this }, function*() {
      const host = yield* Layer.buildWithScope(
        TestHost.layerOf(backend, { ...engine, ownerId: this.name }, hostClock),
        this.scope
      )
      this.engine = Context.get(host, Engine)
      tamper?.(host)
      const registered = yield* Layer.buildWithScope(Layer.provide(workflows, Layer.succeedContext(host)), this.scope)
      this.services = Context.merge(host, registered)
    })
    Effect.runForkWith(this.base)(build).addObserver((exit) => {
      if (Exit.isFailure(exit) && this.alive) this.failure = exit.cause
    })
  }

  get alive(): boolean {
    return this.lane.state !== "dead"
  }

  get paused(): boolean {
    return this.lane.state === "paused"
  }

  /** Whether it can be asked for something. */
  get ready(): boolean {
    return this.lane.state === "running" && this.services !== undefined
  }

  /** Forks an effect in this process. */
  fork<A, E>(effect: Effect.Effect<A, E, unknown>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(Context.merge(this.base, this.services!))(effect as Effect.Effect<A, E>)
  }

  /** As `kill -9` ends a process: nothing of it ever happens again, and nothing of it is interrupted. */
  kill(): void {
    this.setting.lanes.end(this.lane)
  }

  /** Begins an orderly end; it is over when the fiber has ended. */
  close(): Fiber.Fiber<void> {
    return this.fork(Scope.close(this.scope, Exit.void))
  }

  /** Lets every parked run out of memory. */
  evict(): void {
    if (this.engine !== undefined) this.fork(this.engine.evict)
  }

  /** What the engine of this process knows of a document. */
  describe(definition: Pick<DefinitionRow, "document" | "kind">): Description | undefined {
    return this.engine?.describe(definition)
  }

  /** Has it look at the store, as when something has told it to. */
  look(): void {
    if (this.engine !== undefined) Effect.runSync(this.engine.look)
  }
}
