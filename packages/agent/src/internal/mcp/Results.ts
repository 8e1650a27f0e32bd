/** What an MCP server answers to a call, as a model is told of it: its text, its structured content, its pictures, and references to the rest. */
import * as StoredJson from "@fermata/core/StoredJson"
import type { StepContext } from "@fermata/engine/Step"
import type { CallToolResult, GetPromptResult } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as AgentTool from "../../AgentTool.ts"
import * as Picture from "../../Picture.ts"

type Block = CallToolResult["content"][number]

/** What came of a call. Pictures, sounds and files are kept beside the outcome of its step. */
export const of = Effect.fnUntraced(function*(
  { content, structuredContent }: CallToolResult,
  keep: StepContext["keep"]
): Effect.fn.Return<Schema.Json> {
  const blocks = yield* Effect.forEach(content, (block, index) => blockOf(block, index, keep))
  const texts = content.map((block) => block.type === "text" ? block.text : undefined)
  const isText = texts.every((text) => text !== undefined)
  // A server says what is structured as text too, for clients that know no structure.
  if (structuredContent !== undefined) {
    return isText ? jsonOf(structuredContent) : { structured: jsonOf(structuredContent), content: blocks }
  }
  return isText ? texts.join("\n") : blocks
})

/** The messages of a prompt as a model is told of them. */
export const prompt = Effect.fnUntraced(function*(
  messages: GetPromptResult["messages"],
  keep: StepContext["keep"]
): Effect.fn.Return<Schema.Json> {
  return yield* Effect.forEach(messages, ({ content, role }, index) =>
    content.type === "text"
      ? Effect.succeed<Schema.Json>({ role, text: content.text })
      : Effect.map(blockOf(content, index, keep), (told): Schema.Json => ({ role, content: told })))
})

/** The parts of a resource as a model is told of them. */
export const resource = Effect.fnUntraced(function*(
  contents: ReadonlyArray<Contents>,
  keep: StepContext["keep"]
): Effect.fn.Return<Schema.Json> {
  return yield* Effect.forEach(contents, (each, index) => contentsOf(each, `resource-${index + 1}`, keep))
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Contents =
  & { readonly uri: string; readonly mimeType?: string | undefined }
  & ({ readonly text: string } | { readonly blob: string })

const jsonOf = (value: unknown): Schema.Json => {
  const made = StoredJson.of(value ?? null)
  return Result.isSuccess(made) ? made.success.read() as Schema.Json : null
}

const blockOf = (block: Block, index: number, keep: StepContext["keep"]): Effect.Effect<Schema.Json> => {
  switch (block.type) {
    case "text":
      return Effect.succeed({ type: "text", text: block.text })
    case "image":
    case "audio":
      return Effect.map(
        kept(block.data, block.mimeType, `${block.type}-${index + 1}`, keep),
        (file) => ({ type: block.type, mediaType: block.mimeType, ...file })
      )
    case "resource_link":
      return Effect.succeed(jsonOf({
        type: "resource_link",
        uri: block.uri,
        name: block.name,
        description: block.description,
        mediaType: block.mimeType
      }))
    case "resource":
      return Effect.map(
        contentsOf(block.resource, `resource-${index + 1}`, keep),
        (resource) => ({ type: "resource", ...resource })
      )
  }
}

const contentsOf = (
  contents: Contents,
  name: string,
  keep: StepContext["keep"]
): Effect.Effect<Record<string, Schema.Json>> => {
  const { mimeType, uri } = contents
  const about = { uri, ...(mimeType === undefined ? {} : { mediaType: mimeType }) }
  return "text" in contents
    ? Effect.succeed({ ...about, text: contents.text })
    : Effect.map(kept(contents.blob, mimeType, name, keep), (file) => ({ ...about, ...file }))
}

/**
 * Bytes are kept as an artifact, and a model is told under what name. What is a
 * picture by its bytes, whatever its server calls it, is shown beside the result,
 * unless providers would refuse the whole conversation for it.
 */
const kept = Effect.fnUntraced(function*(
  base64: string,
  mediaType: string | undefined,
  name: string,
  keep: StepContext["keep"]
): Effect.fn.Return<Record<string, Schema.Json>> {
  const decoded = Base64.decode(base64)
  if (Result.isFailure(decoded)) return { problem: "its bytes are not base64" }
  const bytes = decoded.success
  const type = Picture.typeOf(bytes)
  const isMediaType = mediaType !== undefined && /^[\w.+-]+\/[\w.+-]+$/.test(mediaType)
  const known = type ?? (isMediaType ? mediaType : undefined)
  const stored = yield* Effect.result(keep(bytes, { name, ...(known === undefined ? {} : { mediaType: known }) }))
  if (Result.isFailure(stored)) return { bytes: bytes.length, problem: stored.failure.message }
  const told = { bytes: bytes.length, artifact: name, hash: stored.success.hash }
  const isMeant = type !== undefined || mediaType?.startsWith("image/") === true
  if (!isMeant) return told
  const picture = type === undefined
    ? { problem: "is no PNG, JPEG, GIF or WebP picture" }
    : Picture.shown(bytes, type)
  if ("problem" in picture) return { ...told, notShown: `it ${picture.problem}` }
  const aside = yield* AgentTool.CurrentAside
  aside?.files.push(stored.success)
  return { ...told, shown: picture.words }
})
