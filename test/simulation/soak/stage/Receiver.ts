/**
 * Who webhooks go to: a server of its own that verifies every one by its secret,
 * is not always well, and keeps which messages told of which scene.
 */
import { createHmac, timingSafeEqual } from "node:crypto"
import { createServer, type IncomingMessage, type Server } from "node:http"
import { chance } from "../Chance.ts"

/** The secret, as whoever sends is told it: Standard Webhooks. */
export const secret = `whsec_${Buffer.from("a secret of a soak, 32 bytes long").toString("base64")}`

/** The event that it asks for. */
export const event = "soak.placed"

/** What was sent, for one event of one scene. */
export interface Heard {
  /** Ids of messages that it has taken. */
  readonly taken: ReadonlySet<string>
  /** How often it was asked to take one, also in vain. */
  readonly requests: number
}

/** Listens on any free port. */
export class Receiver {
  readonly problems: Array<string> = []
  private readonly scenes = new Map<string, { readonly taken: Set<string>; requests: number }>()
  private readonly server: Server
  private readonly luck: ReturnType<typeof chance>

  constructor(seed: number) {
    this.luck = chance(seed, "receiver")
    this.server = createServer((request, response) => {
      void this.answer(request).then((status) => response.writeHead(status).end(), () => response.destroy())
    })
  }

  listen(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject).listen(0, "127.0.0.1", () => {
        const address = this.server.address()
        resolve(`http://127.0.0.1:${typeof address === "object" ? address?.port : address}`)
      })
    })
  }

  /** What was told of a scene. */
  of(scene: string): Heard {
    return this.scenes.get(scene) ?? { taken: new Set(), requests: 0 }
  }

  /** Nothing more is asked about a scene. */
  forget(scene: string): void {
    this.scenes.delete(scene)
  }

  close(): void {
    this.server.close()
    this.server.closeAllConnections()
  }

  private async answer(request: IncomingMessage): Promise<number> {
    const parts: Array<Buffer> = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts).toString()
    const header = (name: string) => String(request.headers[name] ?? "")
    const id = header("webhook-id")
    if (!isSigned(id, header("webhook-timestamp"), body, header("webhook-signature"))) {
      this.problems.push(`a webhook ${id} came with a signature that does not fit: ${body.slice(0, 300)}`)
      return 400
    }
    const { data, type } = JSON.parse(body) as { readonly type: string; readonly data: { readonly scene: string } }
    if (type !== event) this.problems.push(`a webhook ${id} told of ${type}, which nobody has asked for`)
    const scene = this.scenes.get(data.scene) ?? { taken: new Set<string>(), requests: 0 }
    this.scenes.set(data.scene, scene)
    scene.requests++
    if (this.luck.next() < unwell) return 503
    scene.taken.add(id)
    return 204
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How often it says that it cannot take what comes. */
const unwell = 0.1

const isSigned = (id: string, timestamp: string, body: string, signatures: string): boolean => {
  const key = Buffer.from(secret.slice("whsec_".length), "base64")
  const wanted = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest()
  return Math.abs(Date.now() / 1_000 - Number(timestamp)) < 300 && signatures.split(" ").some((signature) => {
    const given = Buffer.from(signature.replace(/^v1,/, ""), "base64")
    return given.length === wanted.length && timingSafeEqual(given, wanted)
  })
}
