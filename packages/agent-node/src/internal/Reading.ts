/**
 * What a file of a workspace is read as: a text with the numbers of its lines, the
 * text of a PDF, or a picture. What its name says and what is in it must be the
 * same, so that nobody is shown another thing than the one that is asked for.
 */
import * as AgentTool from "@fermata/agent/AgentTool"
import * as Picture from "@fermata/agent/Picture"
import * as Effect from "effect/Effect"
import { type Content, WorkspaceRefused } from "../Workspace.ts"
import * as Lines from "./Lines.ts"
import type * as Pdf from "./pdf/Pdf.ts"
import * as Text from "./Text.ts"
import * as Thread from "./Thread.ts"

/** Which part of a file is wanted: lines of a text, or pages of a PDF. */
export interface Part {
  readonly offset?: number
  readonly limit?: number
  readonly pages?: string
}

/** Pages, such as `3` or `3-5`. */
export const pagesPattern = /^[1-9]\d{0,5}(-[1-9]\d{0,5})?$/

/** What the model is told of the file. */
export const read = (path: string, content: Content, part: Part): Effect.Effect<string, WorkspaceRefused> =>
  Effect.suspend(() => {
    const refused = (problem: string) => new WorkspaceRefused({ path, problem })
    const named = kindOfName(content.name)
    const kind = kindOf(content.bytes, named)
    if (named !== undefined && named !== kind) {
      return Effect.fail(
        refused(`is named as ${wordsOf(named)}, and is ${kind === undefined ? "none" : wordsOf(kind)}`)
      )
    }
    if (kind !== "pdf" && part.pages !== undefined) {
      return Effect.fail(refused("has no pages, which a PDF has: ask for lines by offset and limit"))
    }
    if (kind === undefined) return Effect.mapError(lines(content.bytes, part), refused)
    if (part.offset !== undefined || part.limit !== undefined) {
      return Effect.fail(refused(`is ${wordsOf(kind)}, which has no lines${kind === "pdf" ? ": ask for pages" : ""}`))
    }
    return Effect.mapError(kind === "pdf" ? pdf(content.bytes, part.pages) : picture(content, kind), refused)
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Kind = "pdf" | Picture.MediaType

const kinds: Readonly<Record<string, Kind>> = {
  pdf: "pdf",
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp"
}

const kindOfName = (name: string): Kind | undefined => {
  const ending = /\.([^./]+)$/.exec(name)?.[1]?.toLowerCase() ?? ""
  return Object.hasOwn(kinds, ending) ? kinds[ending] : undefined
}

const wordsOf = (kind: Kind): string => kind === "pdf" ? "a PDF" : `a ${Picture.nameOf(kind)} picture`

/** A PDF may have something else before it, but then only its name says that it is meant to be one. */
const kindOf = (bytes: Uint8Array, named: Kind | undefined): Kind | undefined => {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 1_024)).indexOf("%PDF-")
  return at === 0 || (at > 0 && named === "pdf") ? "pdf" : Picture.typeOf(bytes)
}

const lines = (bytes: Uint8Array, { limit, offset }: Part): Effect.Effect<string, string> =>
  Effect.suspend(() => {
    const text = Text.read(bytes)
    if (text === undefined) {
      return Effect.fail("is no text in UTF-8, no PDF and no picture (PNG, JPEG, GIF or WebP)")
    }
    const shown = Lines.show(text, offset, limit)
    return shown === undefined
      ? Effect.fail(`has ${Lines.count(text)} lines, and none from ${offset} on`)
      : Effect.succeed(shown)
  })

/** Pages that are read where none are asked for. */
const firstPages = 20

/** Bytes of memory that it may take to read a PDF. */
const memory = 256 * 1024 ** 2

const thread = new URL("./pdf/PdfThread.ts", import.meta.url)

const pdf = Effect.fnUntraced(
  function*(bytes: Uint8Array, pages: string | undefined): Effect.fn.Return<string, string> {
    const [first, last = first] = (pages ?? `1-${firstPages}`).split("-").map(Number)
    const [from, to] = [first!, last!]
    if (from > to) return yield* Effect.fail(`cannot be read from page ${from} to page ${to}, which is before it`)
    const read = yield* Effect.mapError(
      Thread.run<Pdf.Job, Pdf.Read>(thread, "30 seconds", { bytes, from, to }, memory),
      ({ problem }) => problem
    )
    if (from > read.pages) return yield* Effect.fail(`has ${read.pages} pages, and none from ${from} on`)
    const end = from + read.texts.length - 1
    return [
      ...read.texts.flatMap((text, index) => [
        `[page ${from + index} of ${read.pages}]`,
        text === "" ? "(no text: it may be a picture)" : text
      ]),
      ...(read.cut ? ["(cut: there is more text on this page than is read at once)"] : []),
      ...(end < Math.min(to, read.pages) || (pages === undefined && end < read.pages)
        ? [`(${read.pages - end} more pages: go on with pages ${end + 1}-${Math.min(end + firstPages, read.pages)})`]
        : [])
    ].join("\n")
  }
)

const picture = (
  { bytes, name }: Content,
  mediaType: Picture.MediaType
): Effect.Effect<string, string> =>
  Effect.suspend(() => {
    const picture = Picture.shown(bytes, mediaType)
    if ("problem" in picture) return Effect.fail(picture.problem)
    return AgentTool.show(bytes, { mediaType, name: labelOf(name) }).pipe(
      Effect.mapError(({ problem }) => `cannot be shown: ${problem}`),
      Effect.as(`(${picture.words})`)
    )
  })

/** The name of the file as an artifact may have it. */
const labelOf = (name: string): string => name.toWellFormed().replaceAll(/\p{Cc}/gu, " ").slice(-200)
