/** An npm registry on this machine, as far as publishing and asking for versions need one. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

export interface Published {
  readonly name: string
  readonly version: string
  readonly access: string
}

export interface LoopbackRegistry {
  readonly url: string
  /** What has been published to it, in order. */
  readonly published: ReadonlyArray<Published>
  /** Lets it know a version of a package already. */
  readonly know: (name: string, version: string) => void
  /** What is wrong with it: an answer for this package only, or for every question. */
  breaks: { readonly name?: string; readonly status: number } | undefined
  readonly close: () => Promise<void>
}

interface Upload {
  readonly name: string
  readonly access: string
  readonly versions: Readonly<Record<string, object>>
}

export const open = async (): Promise<LoopbackRegistry> => {
  const versions = new Map<string, Array<string>>()
  const published: Array<Published> = []
  const know = (name: string, version: string) => {
    versions.set(name, [...(versions.get(name) ?? []), version])
  }
  const server = createServer((request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
    }
    const name = decodeURIComponent((request.url ?? "").slice(1).split("?")[0]!)
    const { breaks } = registry
    let text = ""
    request.setEncoding("utf8").on("data", (part: string) => void (text += part)).on("end", () => {
      if (breaks !== undefined && (breaks.name ?? name) === name) return answer(breaks.status, { error: "broken" })
      if (request.method === "PUT") {
        const upload = JSON.parse(text) as Upload
        const [version = ""] = Object.keys(upload.versions)
        know(upload.name, version)
        published.push({ name: upload.name, version, access: upload.access })
        return answer(201, { ok: true })
      }
      const known = versions.get(name)
      if (known === undefined) return answer(404, { error: "Not found" })
      answer(200, { name, versions: Object.fromEntries(known.map((version) => [version, { name, version }])) })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const registry: LoopbackRegistry = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    published,
    know,
    breaks: undefined,
    close: () => new Promise((resolve) => server.close(() => resolve()))
  }
  return registry
}
