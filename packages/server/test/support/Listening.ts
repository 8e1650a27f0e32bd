/** A client of a stream: what it has heard, in order. */
import { Effect, Scope } from "effect"

/** An event, or a comment (`comment`), as it came. */
export interface Heard {
  readonly id?: string
  readonly event?: string
  readonly comment?: string
  readonly data?: unknown
}

/** An open stream. */
export interface Listening {
  readonly response: Response
  /** The next events or comments, so many. Waits for them. */
  readonly take: (count: number) => Effect.Effect<ReadonlyArray<Heard>>
  /** All that comes until the stream ends. */
  readonly rest: Effect.Effect<ReadonlyArray<Heard>>
  /** Goes away. */
  readonly leave: Effect.Effect<void>
}

/** Opens a stream, until the scope closes. */
export const listen = (
  fetch: (request: Request) => Promise<Response>,
  url: string,
  headers: Readonly<Record<string, string>> = {}
): Effect.Effect<Listening, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const response = await fetch(new Request(url, { headers }))
        return { response, reader: response.body!.pipeThrough(new TextDecoderStream()).getReader() }
      }),
      ({ reader }) => Effect.promise(() => reader.cancel().catch(() => {}))
    ),
    ({ reader, response }) => {
      const heard: Array<Heard> = []
      let text = ""
      const more = async (): Promise<boolean> => {
        const { done, value } = await reader.read()
        if (done) return false
        text += value
        const blocks = text.split("\n\n")
        text = blocks.pop()!
        heard.push(...blocks.map(read))
        return true
      }
      const fill = async (count: number): Promise<ReadonlyArray<Heard>> =>
        heard.length >= count || !(await more()) ? heard.splice(0, count) : fill(count)
      return {
        response,
        take: (count) => Effect.promise(() => fill(count)),
        rest: Effect.promise(() => fill(Number.POSITIVE_INFINITY)),
        leave: Effect.promise(() => reader.cancel())
      }
    }
  )

const read = (block: string): Heard => {
  const fields = Object.fromEntries(
    block.split("\n").map((line) => {
      const at = line.indexOf(":")
      return [at === 0 ? "comment" : line.slice(0, at), line.slice(at + 1).trim()] as const
    })
  )
  return "data" in fields ? { ...fields, data: JSON.parse(fields["data"]) } : fields
}
