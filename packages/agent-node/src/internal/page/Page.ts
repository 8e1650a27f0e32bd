/** A page of the web as a model reads it: what it is about, in Markdown. */
import { Readability } from "@mozilla/readability"
import { parseHTML } from "linkedom"
import Turndown from "turndown"
import * as PlainText from "./PlainText.ts"

/** A page. `plain` asks for its text alone, which any page gives in a time that grows with its length. */
export interface Job {
  readonly html: string
  readonly url: string
  readonly plain: boolean
}

/** Its text. */
export const read = ({ html, plain, url }: Job): string => plain ? PlainText.of(html) : markdown(html, url)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const markdown = (html: string, url: string): string => {
  const { document } = parseHTML(/<html[\s>]/i.test(html) ? html : `<!doctype html><html><body>${html}</body></html>`)
  for (const link of document.querySelectorAll("a[href], img[src]")) {
    const name = link.localName === "a" ? "href" : "src"
    const target = link.getAttribute(name) ?? ""
    if (URL.canParse(target, url)) link.setAttribute(name, new URL(target, url).href)
  }
  const body = document.body.innerHTML
  const title = document.title
  const article = new Readability(document).parse()
  const text = writer().turndown(article?.content ?? body)
  const heading = article?.title ?? title
  return heading === "" || heading === undefined ? text : `# ${heading}\n\n${text}`
}

const writer = () =>
  new Turndown({ headingStyle: "atx", codeBlockStyle: "fenced", bulletListMarker: "-" })
    .remove(["script", "style", "noscript"])
