/** Follows streams of a server through whatever happens to it, and notes every place that it was told. */
import type { Chance } from "../Chance.ts"
import { pause, type Setting } from "../Setting.ts"

/** An event of a stream. */
export interface Heard {
  readonly id: string | undefined
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
}

/** Which stream, of which server, and until when. */
export interface Options {
  readonly setting: Pick<Setting, "servers" | "tokens">
  readonly chance: Chance
  /** Behind `/api`. */
  readonly path: string
  /** Behind which place it begins. */
  readonly after?: string
  /** Whether it goes on: false ends it. */
  readonly heard: (event: Heard) => boolean
  readonly stop: AbortSignal
  /** Behind its first word a connection lasts so long on average: then it is cut here, and made again at any server. */
  readonly cutMs?: number
}

/** Goes on until it is told to end, connecting again from the last place wherever a connection breaks. */
export const follow = async (
  { after, chance, cutMs = 20_000, heard, path, setting: { servers, tokens }, stop }: Options
): Promise<void> => {
  let place = after
  while (!stop.aborted) {
    const cut = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    try {
      const response = await fetch(`${chance.of(servers)}/api${path}`, {
        signal: AbortSignal.any([stop, cut.signal]),
        headers: {
          authorization: `Bearer ${tokens["ops"]}`,
          ...(place === undefined ? {} : { "last-event-id": place })
        }
      })
      if (!response.ok) {
        await response.body?.cancel()
        if (response.status !== 429 && response.status < 500) {
          return void heard({ id: undefined, event: "refused", data: {} })
        }
      } else {
        let text = ""
        for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
          const blocks = (text + part).split("\n\n")
          text = blocks.pop()!
          for (const block of blocks) {
            const event = parsed(block)
            if (event === undefined) continue
            place = event.id ?? place
            if (!heard(event)) return cut.abort()
            // Not before it has told something: a busy machine may take longer for the first word than a connection lasts.
            timer ??= setTimeout(() => cut.abort(), chance.between(cutMs))
          }
        }
      }
    } catch {
      // Cut, here or there: it goes on from where it stood.
    } finally {
      clearTimeout(timer)
    }
    if (!stop.aborted) await pause(chance.between(200))
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const parsed = (block: string): Heard | undefined => {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1]
  const data = field("data")
  return data === undefined
    ? undefined
    : { id: field("id"), event: field("event") ?? "message", data: JSON.parse(data) as Heard["data"] }
}
