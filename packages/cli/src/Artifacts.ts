/** What steps keep, for people: in one line, and as a terminal may show it. */
import type { Artifact } from "@fermata/core/Artifact"
import { shown } from "./Shown.ts"

/** How people call it: its name, or the beginning of its hash. */
export const label = ({ hash, name }: Pick<Artifact, "hash" | "name">): string => name ?? hash.slice(0, shortHash)

/** So many characters of a hash are shown. */
export const shortHash = 12

/** The content as text; undefined where it is none. */
export const textOf = (content: Uint8Array): string | undefined => {
  try {
    const text = decoder.decode(content)
    return text.includes("\u0000") ? undefined : text
  } catch {
    return undefined
  }
}

/** Text as a terminal gets it: it may begin lines and has tabs, and does nothing else. */
export const forTerminal = (text: string): string => {
  const lines = text.split(/\r?\n/).map((line) => line.split("\t").map(shown).join("\t")).join("\n")
  return lines.endsWith("\n") ? lines : `${lines}\n`
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
