/** What a tool writes while it works, as lines for whoever follows its run. */
import * as ToolOutput from "@fermata/agent/ToolOutput"
import * as Option from "effect/Option"
import { stripVTControlCharacters } from "node:util"
import { out } from "./Output.ts"

/** The lines of a chunk; none of one that says something else. Colours of the tool's own are left out. */
export const of = (chunk: unknown): ReadonlyArray<string> =>
  Option.match(ToolOutput.decode(chunk), {
    onNone: () => [],
    onSome: ({ text }) =>
      stripVTControlCharacters(text).replace(/[\r\n]+$/, "").split(/\r?\n|\r/)
        .map((line) => `  ${out.dim("│")} ${line.length > longest ? `${line.slice(0, longest)}…` : line}`)
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Characters of a line that are shown. */
const longest = 400
