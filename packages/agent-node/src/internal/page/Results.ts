/** The hits on the page of a search engine that has no other answer than a page. */
import { parseHTML } from "linkedom"

/** A page of DuckDuckGo, and how many hits are wanted. */
export interface Job {
  readonly html: string
  readonly most: number
}

/** A hit as the page says it. */
export interface Hit {
  readonly title: string
  readonly url: string
  readonly snippet: string
}

/** The hits, best first. Advertisements are none. A page that is another thing is an error. */
export const read = ({ html, most }: Job): ReadonlyArray<Hit> => {
  const { document } = parseHTML(html)
  const hits: Array<Hit> = []
  for (const result of document.querySelectorAll(".result")) {
    const link = result.querySelector("a.result__a")
    const url = addressOf(link?.getAttribute("href") ?? "")
    if (link === null || url === undefined || /\bresult--ad\b/.test(result.getAttribute("class") ?? "")) continue
    hits.push({
      title: textOf(link.textContent),
      url,
      snippet: textOf(result.querySelector(".result__snippet")?.textContent)
    })
    if (hits.length === most) break
  }
  if (hits.length > 0 || document.querySelector(".no-results") !== null) return hits
  throw new Error("has an answer that is no page of results: it may want to know that a person asks")
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const textOf = (text: string | null | undefined): string => (text ?? "").replaceAll(/\s+/g, " ").trim()

/** Where a link leads, which goes by way of the engine. */
const addressOf = (href: string): string | undefined => {
  const url = URL.canParse(href, "https://duckduckgo.com/") ? new URL(href, "https://duckduckgo.com/") : undefined
  if (url === undefined) return undefined
  if (!/(^|\.)duckduckgo\.com$/.test(url.hostname)) return url.href
  const target = url.pathname === "/l/" ? url.searchParams.get("uddg") : null
  return target !== null && URL.canParse(target) ? new URL(target).href : undefined
}
