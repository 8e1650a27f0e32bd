/** Changes and what is published about them, in memory: it stands for whatever holds your code. */
import { Context, Effect, Layer } from "effect"

const sources: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "42": {
    "src/login.ts": `export const login = (user: string, query: string) => {
  const password = "hunter2"
  return eval(query)
}`,
    "src/greet.ts": `export const greet = (name: string) => \`Hello \${name}\``,
    "src/total.ts": `export const total = (prices: number[]) => {
  // TODO: taxes
  return prices.reduce((sum, price) => sum + price, 0)
}`
  },
  "43": { "src/greet.ts": `export const greet = (name: string) => \`Good morning \${name}\`` }
}

export interface Published {
  readonly change: string
  readonly report: string
}

export class Repository extends Context.Service<Repository, {
  readonly files: (change: string) => Effect.Effect<ReadonlyArray<string>>
  readonly read: (path: string) => Effect.Effect<string>
  /** Publishes a report and gives its address; the same key publishes once. */
  readonly publish: (change: string, report: string, key: string) => Effect.Effect<string>
}>()("code-reviewer/Repository") {
  /** `published` outlives the layer, as a service outside does. */
  static readonly layerMemory = (published: Map<string, Published> = new Map()): Layer.Layer<Repository> =>
    Layer.succeed(Repository, {
      files: (change) => Effect.succeed(Object.keys(sources[change] ?? {})),
      read: (path) =>
        Effect.sync(() => {
          const text = Object.values(sources).flatMap((files) => files[path] ?? [])[0]
          return text === undefined ? "no such file" : numbered(text)
        }),
      publish: (change, report, key) =>
        Effect.sync(() => {
          if (!published.has(key)) published.set(key, { change, report })
          return `reviews/${change}/${[...published.keys()].indexOf(key) + 1}`
        })
    })
}

const numbered = (text: string): string => text.split("\n").map((line, index) => `${index + 1}: ${line}`).join("\n")
