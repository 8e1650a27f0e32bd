import { assert, describe, it } from "@effect/vitest"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"

/** What a program loads that imports this module of the package, and what it loads later, as files. */
const loadedBy = async (module: string) => {
  const bundle = await rolldown({
    input: fileURLToPath(new URL(`../../src/model/${module}.ts`, import.meta.url)),
    platform: "browser",
    external: /^node:/
  })
  const { output } = await bundle.generate({ format: "esm" })
  await bundle.close()
  const chunks = output.filter((one) => one.type === "chunk")
  const first = chunks.find(({ isEntry }) => isEntry)!
  // What a chunk imports as it is loaded is loaded with it.
  const now = new Set([first.fileName])
  for (const name of now) chunks.find(({ fileName }) => fileName === name)?.imports.forEach((other) => now.add(other))
  const files = (holds: (name: string) => boolean) =>
    chunks.filter(({ fileName }) => holds(fileName)).flatMap(({ modules }) => Object.keys(modules))
  return { imports: [...now], first: files((name) => now.has(name)), later: files((name) => !now.has(name)) }
}

const isClient = (file: string) => file.includes("/@anthropic-ai/sdk/")

describe("what a program loads", () => {
  it("of Anthropic's client is nothing before the first call, and nothing of it is of Node", async () => {
    const { first, imports, later } = await loadedBy("Anthropic")
    assert.isFalse(first.some(isClient))
    assert.isTrue(later.some(isClient), "and all of it then")
    assert.isFalse(imports.some((name) => name.startsWith("node:")))
  })

  it("of clients and lists of prices is nothing for the scripted model", async () => {
    const { first, later } = await loadedBy("Scripted")
    assert.deepStrictEqual(later, [])
    assert.isFalse(first.some((file) => isClient(file) || file.includes("PriceList")))
  })

  it("of the AI SDK is nothing at all: a provider of it is the program's", async () => {
    const { first, later } = await loadedBy("AiSdk")
    assert.isFalse([...first, ...later].some((file) => file.includes("/@ai-sdk/")))
  })
})
