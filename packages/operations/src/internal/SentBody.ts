/** The body of a webhook as JSON, by what it says that it is. */
import * as JsonNumber from "@fermata/core/JsonNumber"
import * as JsonText from "@fermata/core/JsonText"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"

/**
 * What a body says: JSON, or the fields of a form, of which `payload` is read as
 * JSON where it is some, as GitHub and Slack send it. Whole numbers beyond 2^53,
 * which no sender can be asked to write otherwise, become texts of their digits.
 * Fails with a sentence.
 */
export const read = (body: Uint8Array, contentType: string | undefined): Result.Result<Schema.Json, string> => {
  const type = (contentType ?? "application/json").split(";")[0]!.trim().toLowerCase()
  const text = decoded(body)
  if (text === undefined) return Result.fail("its body is not UTF-8")
  if (type === "application/x-www-form-urlencoded") return Result.succeed(ofForm(text))
  if (type === "" || type === "application/json" || /^[a-z0-9.-]+\/[a-z0-9.-]+\+json$/.test(type)) return ofJson(text)
  return Result.fail(
    `its body is ${
      StoredJson.quote(type.slice(0, 100))
    }; what can be read is application/json, and a form as application/x-www-form-urlencoded`
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decoded = (body: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body)
  } catch {
    return undefined
  }
}

const ofJson = (text: string): Result.Result<Schema.Json, string> => {
  const parsed = JsonText.parse(text)
  if (parsed._tag === "Json") return Result.succeed(parsed.value as Schema.Json)
  if (parsed._tag === "Mistake") {
    const { column, line, problem } = parsed
    return Result.fail(`its body is no JSON: ${problem} (line ${line}, column ${column})`)
  }
  const again = JsonText.parse(withQuotedNumbers(text))
  if (again._tag === "Json") return Result.succeed(again.value as Schema.Json)
  const [loss] = parsed.losses
  return Result.fail(
    `its body says what JSON cannot keep as it is: ${["body", ...loss.path].join(".")}: ${loss.problem}`
  )
}

/** The text with every number that would change as a text. It is valid JSON. */
const withQuotedNumbers = (text: string): string =>
  text.replace(
    /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/gs,
    (token) => token.startsWith("\"") || JsonNumber.problemOf(token) === undefined ? token : `"${token}"`
  )

const ofForm = (text: string): Schema.Json => {
  const fields = new Map<string, Array<string>>()
  for (const [name, value] of new URLSearchParams(text)) {
    const known = fields.get(name)
    if (known === undefined) fields.set(name, [value])
    else known.push(value)
  }
  return Object.fromEntries(
    [...fields].map(([name, values]) => {
      const [first] = values
      const value = values.length === 1 ? first! : values
      if (name !== "payload" || typeof value !== "string") return [name, value]
      return [name, Result.getOrElse(ofJson(value), () => value)]
    })
  )
}
