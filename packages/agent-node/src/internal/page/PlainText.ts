/** The text of a page without a look at what it is made of: letter by letter, once, however it is built. */

/** What stands between the tags, without scripts and styles; blocks begin on lines of their own. */
export const of = (html: string): string => {
  const parts: Array<string> = []
  let at = 0
  while (at < html.length) {
    const open = html.indexOf("<", at)
    if (open === -1) {
      parts.push(html.slice(at))
      break
    }
    parts.push(html.slice(at, open))
    const close = html.indexOf(html.startsWith("<!--", open) ? "-->" : ">", open)
    // What is not closed is no tag.
    if (close === -1) break
    const tag = /^<(\/?)([a-z][a-z0-9]*)/i.exec(html.slice(open, open + 40))
    at = html.indexOf(">", close) + 1
    const name = tag?.[2]?.toLowerCase()
    if (name === undefined) continue
    if (blocks.has(name)) parts.push("\n")
    if (tag![1] === "" && unread.has(name)) {
      const end = new RegExp(`</${name}`, "gi")
      end.lastIndex = at
      const found = end.exec(html)
      if (found === null) break
      at = found.index
    }
  }
  return parts.join("").replace(/&(#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,6});/gi, named)
    .split("\n").map((line) => line.trim()).join("\n").replace(/\n{3,}/g, "\n\n").trim()
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const unread = new Set(["script", "style", "noscript", "template", "svg", "head"])

const blocks = new Set(
  "address article aside blockquote br dd div dl dt footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table td th tr ul title"
    .split(" ")
)

const letters: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'", nbsp: " " }

const named = (whole: string, name: string): string => {
  if (!name.startsWith("#")) return letters[name.toLowerCase()] ?? whole
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1))
  return code > 0 && code <= 0x10FFFF ? String.fromCodePoint(code) : whole
}
