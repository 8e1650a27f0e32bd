/** The processes of a simulated world: started, stopped, killed, and made to stand still. */
import type { DefinitionRow } from "@fermata/engine/Backend"
import type { Description } from "@fermata/engine/Extension"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { Process } from "./Process.ts"
import type { World } from "./World.ts"

export class Processes {
  private readonly world: World
  /** Called when a process has asked for runs that are due. */
  private readonly asked: () => void
  private readonly all: Array<Process> = []
  private born = 0
  private closing: { readonly process: Process; readonly fiber: Fiber.Fiber<void> } | undefined

  constructor(world: World, asked: () => void) {
    this.world = world
    this.asked = asked
  }

  get living(): ReadonlyArray<Process> {
    return this.all.filter((process) => process.alive)
  }

  /** The first process that can do what it is asked for. */
  get ready(): Process | undefined {
    return this.all.find((process) => process.ready)
  }

  /** The names of the processes that live and do not stand still. */
  get moving(): ReadonlySet<string> {
    return new Set(this.living.filter((process) => !process.paused).map(({ name }) => name))
  }

  /** Whether a process has been told to stop. */
  get isClosing(): boolean {
    return this.closing !== undefined
  }

  /** What a process knows of a document. */
  describe(definition: Pick<DefinitionRow, "document" | "kind">): Description | undefined {
    for (const process of this.all) {
      const description = process.describe(definition)
      if (description !== undefined) return description
    }
    return undefined
  }

  /** Every process that is ready looks at what has been written. */
  look(): void {
    for (const process of this.all) if (process.ready) process.look()
  }

  /** The process is told to stop; it ends in `collect`. */
  close(process: Process): void {
    this.closing = { process, fiber: process.close() }
  }

  /** Kills every process, as the life is over. */
  end(): void {
    for (const process of this.all) process.kill()
  }

  kill(process: Process): void {
    if (!process.alive) return
    this.world.say(`${process.name} is killed`)
    this.world.witness.hardships++
    process.kill()
    if (this.closing?.process === process) this.closing = undefined
  }

  pause(process: Process): void {
    if (!process.alive || process.paused) return
    this.world.say(`${process.name} stands still`)
    this.world.witness.hardships++
    this.world.lanes.pause(process.lane)
  }

  thaw(): boolean {
    const paused = this.all.filter((process) => process.paused)
    if (paused.length === 0) return false
    const process = paused[0]!
    this.world.say(`${process.name} goes on`)
    this.world.lanes.resume(process.lane)
    return true
  }

  spawn(): void {
    const process = new Process(this.world.setting, `host-${++this.born}`)
    this.world.say(`${process.name} starts`)
    this.all.push(process)
    const connection = this.world.disk.connect({
      name: process.name,
      dead: () => !process.alive,
      kill: () => this.kill(process),
      asked: () => this.asked(),
      pause: () => {
        this.pause(process)
        connection.standStill()
      }
    })
    process.start(connection)
  }

  /** Sees to it that a process is there that may do something. */
  arise(): boolean {
    if (this.all.some((process) => process.alive && !process.paused && process.failure === undefined)) {
      return false
    }
    for (const process of this.all) if (process.failure !== undefined) this.kill(process)
    this.spawn()
    return true
  }

  /** A process that was told to stop has ended in an orderly way. */
  readonly collect = Effect.fnUntraced(function*(this: Processes) {
    if (this.closing === undefined) return
    const { fiber, process } = this.closing
    // Bodies of `ask` steps get their grace.
    for (let waited = 0; waited < 40 && fiber.pollUnsafe() === undefined && process.alive; waited++) {
      yield* this.world.passHost(1_000)
    }
    if (process.alive) process.kill()
    this.closing = undefined
  })
}
