/**
 * What a command writes, as those who follow its run are told of it: ten times a
 * second at most, the latest of what came in between, and so much in all. A command
 * that ends sooner than it is told of is told by its result alone.
 */
import type { ToolOutput } from "@fermata/agent/ToolOutput"
import * as ToolOutputs from "@fermata/agent/ToolOutput"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"

/** Takes what is written, and tells the rest of it at the end. */
export interface Telling {
  readonly take: (stream: ToolOutput["stream"], bytes: Uint8Array) => void
  readonly end: Effect.Effect<void>
}

/** Tells until the scope closes. */
export const make: Effect.Effect<Telling, never, Scope> = Effect.gen(function*() {
  const tell = yield* ToolOutputs.teller
  const pending = { stdout: new Pending(), stderr: new Pending() }
  let left = mostOfAll
  let hasTold = false
  const flush = Effect.gen(function*() {
    for (const stream of ["stdout", "stderr"] as const) {
      const text = pending[stream].next()
      if (text === "" || left <= 0) continue
      left -= text.length
      hasTold = true
      yield* tell(stream, left > 0 ? text : `${text}\n[what follows is not told]\n`)
    }
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(every), flush)))
  return {
    take: (stream, bytes) => pending[stream].take(bytes),
    end: Effect.suspend(() => hasTold ? flush : Effect.void)
  }
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const every = "100 millis"

/** Characters that are told at a time, and of one command. */
const mostAtOnce = 4_000
const mostOfAll = 200_000

/** What a stream has written since it was told of last: the latest of it, and how much was before. */
class Pending {
  private readonly decoder = new TextDecoder()
  private text = ""
  private left = 0

  take(bytes: Uint8Array): void {
    this.text += this.decoder.decode(bytes, { stream: true })
    if (this.text.length <= 2 * mostAtOnce) return
    this.left += this.text.length - mostAtOnce
    this.text = this.text.slice(-mostAtOnce)
  }

  next(): string {
    const more = Math.max(0, this.text.length - mostAtOnce)
    const left = this.left + more
    const text = this.text.slice(more)
    this.text = ""
    this.left = 0
    return left === 0 ? text : `[${left} characters are not told]\n${text}`
  }
}
