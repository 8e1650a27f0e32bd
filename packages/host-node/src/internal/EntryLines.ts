/**
 * The entries of a row of the journal as one text, a line for each. What every entry begins with is said shortly:
 * `1767225600000 StepRequested ~a,"input":1` is `{"at":1767225600000,"_tag":"StepRequested","key":"a","input":1}`.
 *
 * - An epoch follows the time behind a colon. A time is left out where it is that of the line before, and `+3` is 3 ms
 *   later in the same epoch.
 * - A tilde stands for what goes without saying: the name of the field `key`, the workflow of the run, which its row
 *   names, and the names around the one thing that a suspended run waits for: `RunSuspended ~"signal","key":"go"`.
 * - Any other text stands as it is, as all do in rows of an older build; one that would be taken for a short line has a
 *   mark before it.
 */

/** How the first entry of a run names its workflow; undefined for names that JSON would write otherwise. */
export const workflowOf = (run: { readonly workflow: string; readonly version: string }): string | undefined =>
  plain.test(run.workflow) && plain.test(run.version)
    ? `"workflow":"${run.workflow}","version":"${run.version}"`
    : undefined

/** The text of a row. `workflow` is as `workflowOf` gives it, where a first entry is among them. */
export const encode = (entries: ReadonlyArray<string>, workflow?: string): string => {
  let before = ""
  let millis = 0
  let epochBefore: string | undefined
  let text = ""
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index]!
    if (index > 0) text += "\n"
    const head = entry.endsWith("}") ? headOf.exec(entry) : null
    if (head === null) {
      text += looksShort.test(entry) ? mark + entry : entry
      before = ""
      continue
    }
    const { length } = head[0]
    const at = head[1]!
    const epoch = head[2]
    const tag = head[3]!
    const time = epoch === undefined ? at : `${at}:${epoch}`
    const now = Number(at)
    text += time === before
      ? ` ${tag}`
      : before !== "" && epoch === epochBefore && now > millis && String(now) === at
      ? `+${now - millis} ${tag}`
      : `${time} ${tag}`
    before = time
    millis = now
    epochBefore = epoch
    if (length === entry.length) continue
    const key = tag !== suspended && entry.startsWith(keyIs, length) ? length + keyIs.length : 0
    const quote = key === 0 ? 0 : entry.indexOf("\"", key)
    // Behind the key comes the comma of a further field, or the end of the entry.
    text += key > 0 && (quote === entry.length - 2 || entry.startsWith(",\"", quote + 1)) &&
        plainKey.test(entry.slice(key, quote))
      ? ` ~${entry.slice(key, quote)}${entry.slice(quote + 1, -1)}`
      : workflow !== undefined && tag !== suspended && entry.startsWith(`${workflow},`, length)
      ? ` ~${entry.slice(length + workflow.length + 1, -1)}`
      : tag === suspended && oneWait.test(entry)
      ? ` ~${entry.slice(length + waits.length, -3)}`
      : ` ${entry.slice(length, -1)}`
  }
  return text
}

/** The entries of a row of the journal of a run. `workflow` is as `workflowOf` gives it; without it a first entry names none. */
export const decode = (text: string, workflow?: string): Array<string> => {
  const lines = text.split("\n")
  let before = ""
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!
    if (!isShort.test(line)) {
      if (line.startsWith(mark)) lines[index] = line.slice(mark.length)
      before = ""
      continue
    }
    const space = line.indexOf(" ")
    if (line.startsWith("+")) before = later(before, Number(line.slice(1, space)))
    else if (space > 0) before = line.slice(0, space)
    const end = line.indexOf(" ", space + 1)
    const tag = end < 0 ? line.slice(space + 1) : line.slice(space + 1, end)
    const head = `{"at":${before.replace(":", epochIs)},"_tag":"${tag}"`
    lines[index] = end < 0
      ? `${head}}`
      : !line.startsWith("~", end + 1)
      ? `${head},${line.slice(end + 1)}}`
      : tag === suspended
      ? `${head},${waits}${line.slice(end + 2)}}]}`
      : !line.startsWith("\"", end + 2)
      ? `${head},${keyIs}${keyFrom(line, end + 2)}}`
      : workflow === undefined
      ? `${head},${line.slice(end + 2)}}`
      : `${head},${workflow},${line.slice(end + 2)}}`
  }
  return lines
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** Before a line that is no short one and looks like one. */
const mark = "="

/** Short lines, and only they, begin with a time, with what is added to that of the line before, or with the space behind one that is left out. */
const isShort = /^[\d +]/
const looksShort = /^[\d +=]/

/** A time and its epoch, so many ms later. */
const later = (time: string, millis: number): string => {
  const colon = time.indexOf(":")
  return colon < 0 ? String(Number(time) + millis) : Number(time.slice(0, colon)) + millis + time.slice(colon)
}

const plain = /^[\w.@ -]*$/

/** The time of an entry, its epoch where it names one, and its tag, up to where its other fields begin or it ends. */
const headOf = /^\{"at":(\d+)(?:,"epoch":(\d+))?,"_tag":"([A-Za-z]+)"(?:,(?="[^])|\}$)/

const epochIs = `,"epoch":`
const keyIs = `"key":"`
const plainKey = /^[\w./~-]+$/

/** The key that begins here in a line, with its quote, and the fields behind it. */
const keyFrom = (line: string, from: number): string => {
  const comma = line.indexOf(",", from)
  return comma < 0 ? `${line.slice(from)}"` : `${line.slice(from, comma)}"${line.slice(comma)}`
}
const suspended = "RunSuspended"
const waits = `"waits":[{"reason":`

/** Of an entry that waits for one thing, and says nothing else. */
const oneWait = /^[^{}]*\{[^{}]*"_tag":"RunSuspended","waits":\[\{"reason":[^{}]*\}\]\}$/
