/** The fences of the project's documents. */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

export interface Fence {
  /** Path of the document from the root, with `/`. */
  readonly document: string
  /** Line of the opening fence, from 1. */
  readonly line: number
  readonly language: string
  /** What follows the language in the info string. */
  readonly flags: ReadonlyArray<string>
  readonly text: string
}

export const root = fileURLToPath(new URL("../..", import.meta.url))

const skipped = new Set(["node_modules", "dist", "dist-packages", "scratchpad", "coverage"])

const documentsIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(root + folder, { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`
    if (entry.name.startsWith(".") || skipped.has(entry.name)) return []
    if (entry.isDirectory()) return documentsIn(path)
    return entry.name === "README.md" || entry.name === "DESIGN.md" ? [path] : []
  })

/** Every README.md and DESIGN.md of the repository. */
export const documents: ReadonlyArray<string> = documentsIn("")

/** The fences of a Markdown text, in order. An opening fence without its end goes to the end of the text. */
export const parse = (document: string, markdown: string): ReadonlyArray<Fence> => {
  const fences: Array<Fence> = []
  const lines = markdown.split("\n")
  for (let index = 0; index < lines.length; index++) {
    const opening = /^(`{3,}|~{3,})\s*(.*)$/.exec(lines[index]!)
    if (opening === null) continue
    const [, mark = "", info = ""] = opening
    const end = lines.findIndex((line, at) => at > index && line.trimEnd() === mark)
    const last = end < 0 ? lines.length : end
    const [language = "", ...flags] = info.trim().split(/\s+/)
    fences.push({ document, line: index + 1, language, flags, text: `${lines.slice(index + 1, last).join("\n")}\n` })
    index = last
  }
  return fences
}

export const fencesOf = (document: string): ReadonlyArray<Fence> =>
  parse(document, readFileSync(root + document, "utf8"))

/** What a test of a fence is called. */
export const titleOf = ({ document, flags, language, line }: Fence): string =>
  `${document}:${line} ${[language, ...flags].join(" ")}`

/** Whether a text is what a fence shows, where `…` stands for anything. */
export const shows = (shown: string, text: string): boolean =>
  new RegExp(`^${shown.trim().split("…").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("[^]*?")}$`)
    .test(text.trim())
