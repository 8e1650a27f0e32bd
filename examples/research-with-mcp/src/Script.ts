/** The scripted model: rules in place of a model, so that the example needs no key and answers the same every time. */
import type { ModelRequest } from "@fermata/agent/Model"
import * as Scripted from "@fermata/agent/model/Scripted"

/** What the memory server says of what it was asked. */
interface Remembered {
  readonly entities: ReadonlyArray<{ readonly observations: ReadonlyArray<string> }>
}

/** What the filesystem server gives, a text. */
interface Page {
  readonly content: string
}

/** Looks into the memory, and where there is nothing into the handbook. */
export const script: Scripted.Script = (request, turn) => {
  const { service } = JSON.parse(question(request)) as { readonly service: string }
  const [remembered, folders, found, page] = results(request) as ReadonlyArray<unknown> as readonly [
    Remembered,
    Page,
    Page,
    Page
  ]
  if (turn === 0) return [Scripted.call("mcp__memory__search_nodes", { query: service })]
  const known = remembered.entities.flatMap(({ observations }) => observations)
  if (known.length > 0) return answer(known.join("\n"), true)
  if (turn === 1) return [Scripted.call("mcp__handbook__list_allowed_directories", {})]
  const folder = folders.content.split("\n").at(-1)
  if (turn === 2) return [Scripted.call("mcp__handbook__search_files", { path: folder, pattern: `${service}.md` })]
  if (turn === 3) return [Scripted.call("mcp__handbook__read_text_file", { path: found.content })]
  const facts = [...page.content.matchAll(/^(Owner|On call): .+$/gm)].map(([line]) => line)
  const observations = [...facts, `From: ${service}.md`]
  if (turn === 4) {
    return [
      Scripted.call("mcp__memory__create_entities", {
        entities: [{ name: service, entityType: "service", observations }]
      })
    ]
  }
  return answer(observations.join("\n"), false)
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const answer = (facts: string, remembered: boolean): string => {
  const fact = (name: string) => new RegExp(`^${name}: (.+)$`, "m").exec(facts)?.[1] ?? "nobody knows"
  return JSON.stringify({ owner: fact("Owner"), onCall: fact("On call"), source: fact("From"), remembered })
}

const question = ({ prompt }: ModelRequest): string =>
  prompt.content.flatMap((message) =>
    message.role === "user" ? message.content.flatMap((part) => part.type === "text" ? [part.text] : []) : []
  )[0] ?? ""

/** What tools gave, in the order of their calls. */
const results = ({ prompt }: ModelRequest): ReadonlyArray<unknown> =>
  prompt.content.flatMap((message) =>
    message.role === "tool"
      ? message.content.flatMap((part) => part.type === "tool-result" ? [part.result] : [])
      : []
  )
