/** Streams of real servers, which are killed, and told to go. */
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"
import { read, type Serving, serving } from "./support/Serving.ts"

interface Told {
  readonly run: { readonly id: string }
  readonly entries: readonly [number, number]
  readonly events: ReadonlyArray<string>
}

describe("the stream of all runs", () => {
  it("N-04, R-88: tells a client that comes to another server each time each entry once, while servers are killed", async () => {
    const project = new Project()
    const servers: Array<Serving> = await Promise.all(
      [1, 2, 3].map(() => serving(project, "--lease", "1000"))
    )
    let turn = 0
    const any = () => servers[turn++ % servers.length]!
    const { position } = await (await fetch(`${servers[0]!.url}/api/health`)).json() as { readonly position: string }

    const wanted = 40
    /** Starts a run; a server that is killed meanwhile may have started it, which the key finds out. */
    const start = async (key: string): Promise<void> => {
      const response = await any().post("/api/runs", { workflow: "Echo", input: { text: key }, key }).catch(() =>
        undefined
      )
      if (response === undefined) return start(key)
      assert.include([200, 201], response.status)
    }

    const seen = new Map<string, number>()
    const over = new Set<string>()
    let last = position
    let connects = 0
    const listen = async (): Promise<void> => {
      let left = 1 + connects % 3
      connects++
      await read(`${any().url}/api/stream`, last, ({ data, event, id }) => {
        if (event !== undefined) return event !== "closing"
        const { entries: [first, end], events, run } = data as Told
        assert.strictEqual(first, seen.get(run.id) ?? 0, `an entry of ${run.id} is missing or told again`)
        seen.set(run.id, end + 1)
        if (events.includes("engine.run.completed")) over.add(run.id)
        last = id!
        return --left > 0 && over.size < wanted
      })
      if (over.size < wanted) return listen()
    }
    const listening = listen()
    for (let index = 0; index < wanted; index++) {
      await start(`k-${index}`)
      if (index % 15 !== 7) continue
      const place = index % servers.length
      await servers[place]!.kill()
      servers[place] = await serving(project, "--lease", "1000")
    }
    await listening
    assert.strictEqual(over.size, wanted)
    assert.isAtLeast(connects, 40)
  })

  it("ends all of them in order when the server is told to go", async () => {
    const project = new Project()
    const server = await serving(project)
    const started = await server.post("/api/runs", { workflow: "Held", input: { id: "1" } })
    const { runId } = await started.json() as { readonly runId: string }
    const ends: Array<string | undefined> = []
    let connected = 0
    const all = Array.from({ length: 90 }, async () => {
      let last: string | undefined
      const end = await read(`${server.url}/api/runs/${runId}/stream`, undefined, ({ event, id }) => {
        if (id === "0") connected++
        last = event
        if (connected === 90 && id === "0") server.process.kill("SIGTERM")
        return true
      })
      ends.push(`${end} ${last}`)
    })
    await Promise.all(all)
    assert.deepStrictEqual([...new Set(ends)], ["ended closing"])
    const { code, stderr } = await server.ended
    assert.strictEqual(code, 0, stderr)
  })
})
