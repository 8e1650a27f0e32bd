/** `fermata serve` as a process, and clients of its streams. */
import type { Project, Running } from "./Fermata.ts"

/** A server that listens. */
export interface Serving extends Running {
  readonly url: string
  readonly post: (path: string, body: unknown) => Promise<Response>
}

/** Starts a server on any free port. */
export const serving = async (project: Project, ...args: ReadonlyArray<string>): Promise<Serving> => {
  const server = project.start(["serve", "--port", "0", ...args])
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(await server.says(" at http://127.0.0.1:"))![0]
  const post = (path: string, body: unknown) =>
    fetch(url + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })
  return { ...server, url, post }
}

/** An event of a stream, as its lines say. */
export interface Heard {
  readonly id: string | undefined
  readonly event: string | undefined
  readonly data: unknown
}

/**
 * Reads a stream until it ends, or until this says that it is enough: then the
 * client goes away. A connection that breaks is the end of it too.
 */
export const read = async (
  url: string,
  lastEventId: string | undefined,
  heard: (event: Heard) => boolean
): Promise<"enough" | "ended" | "broken"> => {
  const gone = new AbortController()
  try {
    const response = await fetch(url, {
      signal: gone.signal,
      headers: lastEventId === undefined ? {} : { "last-event-id": lastEventId }
    })
    let text = ""
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + part).split("\n\n")
      text = blocks.pop()!
      for (const block of blocks) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1]
        const data = field("data")
        if (data === undefined) continue
        if (!heard({ id: field("id"), event: field("event"), data: JSON.parse(data) })) {
          gone.abort()
          return "enough"
        }
      }
    }
    return "ended"
  } catch {
    return "broken"
  }
}
