/** The text of a PDF, page by page. It runs in a thread: whoever wrote the file need not mean well. */
import { getDocumentProxy } from "unpdf"

/** A PDF, and the pages that are wanted, the first of which is 1. */
export interface Job {
  readonly bytes: Uint8Array
  readonly from: number
  readonly to: number
}

/** How many pages it has, and the texts of those that are there; `cut` where there is more text than is read of one file. */
export interface Read {
  readonly pages: number
  readonly texts: ReadonlyArray<string>
  readonly cut: boolean
}

/** Its text. What is wrong with it is thrown, as what can be said behind its name. */
export const read = async ({ bytes, from, to }: Job): Promise<Read> => {
  const document = await open(bytes)
  const last = Math.min(to, document.numPages)
  const texts: Array<string> = []
  let characters = 0
  for (let number = from; number <= last && characters <= mostCharacters; number++) {
    // One after another: each page is let go before the next is looked at.
    // oxlint-disable-next-line no-await-in-loop
    const text = await pageOf(document, number)
    characters += text.length
    texts.push(text.slice(0, Math.max(0, mostCharacters - (characters - text.length))))
  }
  return { pages: document.numPages, texts, cut: characters > mostCharacters }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Document = Awaited<ReturnType<typeof getDocumentProxy>>

/** Characters that are read of one file in one call. */
const mostCharacters = 1_000_000

const open = async (bytes: Uint8Array): Promise<Document> => {
  try {
    return await getDocumentProxy(bytes, { verbosity: 0, disableFontFace: true })
  } catch (error) {
    throw new Error(problemOf(error), { cause: error })
  }
}

const problemOf = (error: unknown): string =>
  error instanceof Error && error.name === "PasswordException"
    ? "is a PDF that is locked with a password"
    : `is no PDF that can be read: ${error instanceof Error ? error.message : String(error)}`

const pageOf = async (document: Document, number: number): Promise<string> => {
  const page = await document.getPage(number)
  const { items } = await page.getTextContent()
  const text = items.map((item) => "str" in item ? `${item.str}${item.hasEOL ? "\n" : ""}` : "").join("")
  page.cleanup()
  return text.trim()
}
