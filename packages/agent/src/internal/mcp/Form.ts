/** What a server wants to know of people (`elicitation/create`), as a question of a run. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"

/** A question as people are shown it. */
export interface Form {
  readonly prompt: string
  /** What a yes says as long as nobody edits it. */
  readonly args: Schema.JsonObject
  readonly isEditable: boolean
  /** What an edit must fit; undefined where there is nothing to fill in. */
  readonly schema: JsonDocument | undefined
}

/** A JSON Schema with its dialect, as questions have one. */
export type JsonDocument = {
  readonly dialect: "draft-2020-12"
  readonly schema: Schema.JsonObject
  readonly definitions: Schema.JsonObject
}

/** The question of a server, by the parameters of its request. */
export const of = (server: string, tool: string, params: Schema.JsonObject): Form => {
  const message = `MCP server "${server}" asks in a call of ${tool}: ${textOf(params["message"])}`
  if (params["mode"] === "url") {
    const url = textOf(params["url"])
    return {
      prompt: `${message}\n\nIt wants you to open ${url} (${hostOf(url)}). A yes says that you do.`,
      args: { url },
      isEditable: false,
      schema: undefined
    }
  }
  const requested = objectOf(params["requestedSchema"])
  const fields = Object.entries(objectOf(requested["properties"]))
  if (fields.length === 0) return { prompt: message, args: {}, isEditable: false, schema: undefined }
  const lines = fields.map(([name, field]) => lineOf(name, objectOf(field), requested["required"]))
  return {
    prompt: `${message}\n\nIt wants to know, as the arguments of a yes:\n${lines.join("\n")}`,
    args: Object.fromEntries(
      fields.flatMap(([name, field]) => {
        const given = objectOf(field)["default"]
        return given === undefined ? [] : [[name, given]]
      })
    ),
    isEditable: true,
    schema: {
      dialect: "draft-2020-12",
      schema: { type: "object", properties: objectOf(requested["properties"]), required: requested["required"] ?? [] },
      definitions: {}
    }
  }
}

/** The question whether somebody opens a page before a call is made. */
export const opening = (server: string, tool: string, message: string, url: string): Pick<Form, "prompt" | "args"> => ({
  prompt: `MCP server "${server}" does not make a call of ${tool} before somebody has opened a page: ${message}`
    + `\n\nOpen ${url} (${
      hostOf(url)
    }), and do there what it asks. A yes says that you have, and the call is made again.`,
  args: { url }
})

/** What a server is told of a yes with these arguments. */
export const accepted = ({ isEditable }: Form, args: Schema.Json): Schema.JsonObject =>
  isEditable ? { action: "accept", content: args } : { action: "accept" }

/** Why the arguments of a yes do not fit; undefined where they do, and where nobody can tell. */
export const problemOf = ({ schema }: Form, args: Schema.Json): string | undefined => {
  if (schema === undefined) return undefined
  const exit = decoderOf(schema)?.(args)
  if (exit === undefined || Exit.isSuccess(exit)) return undefined
  const error = Cause.squash(exit.cause)
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ")
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const objectOf = (value: Schema.Json | undefined): Schema.JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? value as Schema.JsonObject : {}

const textOf = (value: Schema.Json | undefined): string => typeof value === "string" ? value : ""

const hostOf = (url: string): string => URL.canParse(url) ? new URL(url).host : "which is no address"

/** `- name (string, needed): what it is` */
const lineOf = (name: string, field: Schema.JsonObject, required: Schema.Json | undefined): string => {
  const isNeeded = Array.isArray(required) && required.includes(name)
  const kind = [textOf(field["type"]), isNeeded ? "needed" : ""].filter((word) => word !== "").join(", ")
  const about = [textOf(field["title"]), textOf(field["description"])].filter((text) => text !== "").join(", ")
  return `- ${name}${kind === "" ? "" : ` (${kind})`}${about === "" ? "" : `: ${about}`}`
}

const decoderOf = (document: JsonDocument) => {
  try {
    const schema = SchemaRepresentation.fromJsonSchemaDocument(
      document as unknown as JsonSchema.Document<"draft-2020-12">,
      { patterns: "apply" }
    )
    return Schema.decodeUnknownExit(schema as Schema.Codec<unknown>, { onExcessProperty: "error", errors: "all" })
  } catch {
    return undefined
  }
}
