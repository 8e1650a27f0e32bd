/** Outputs of tools that are made to harm, as a corpus has them. */
import type { Schema } from "effect"
import corpus from "../corpus/hostile-outputs.json" with { type: "json" }

export interface Case {
  readonly name: string
  readonly source: string
  readonly must: ReadonlyArray<string>
  readonly output?: unknown
  /** As a text, since an object cannot be written so. */
  readonly json?: string
  /** In hexadecimal. */
  readonly bytes?: string
  /** Code units, in hexadecimal. */
  readonly units?: ReadonlyArray<string>
  readonly repeat?: { readonly text: string; readonly times: number }
  readonly repeatJson?: { readonly item: unknown; readonly times: number }
  readonly nested?: number
}

export const cases = corpus.cases as ReadonlyArray<Case>

/** What the tool gives, with the secret where the corpus has it. */
export const outputOf = (each: Case, secret: string): Schema.Json => {
  if (each.json !== undefined) return JSON.parse(each.json) as Schema.Json
  if (each.bytes !== undefined) return Buffer.from(each.bytes, "hex").toString("utf8")
  if (each.units !== undefined) return String.fromCharCode(...each.units.map((unit) => Number.parseInt(unit, 16)))
  if (each.repeat !== undefined) return each.repeat.text.repeat(each.repeat.times)
  if (each.repeatJson !== undefined) {
    return Array.from({ length: each.repeatJson.times }, () => each.repeatJson!.item as Schema.Json)
  }
  if (each.nested !== undefined) {
    return Array.from({ length: each.nested }).reduce<Schema.Json>((inner) => [inner], "deep")
  }
  const text = JSON.stringify(each.output)
    .replaceAll("$SECRET64", Buffer.from(`user:${secret}`).toString("base64"))
    .replaceAll("$SECRETURL", encodeURIComponent(secret))
    .replaceAll("$SECRET", secret)
  return JSON.parse(text) as Schema.Json
}
