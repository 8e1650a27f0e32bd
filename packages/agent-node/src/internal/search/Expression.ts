/** Regular expressions as models write them, those of JavaScript. */

/** How an expression is meant. */
export interface Flags {
  readonly ignoreCase: boolean
  /** May match over several lines, which `.` then does. */
  readonly multiline: boolean
}

/** The expression; with the rules of Unicode where it keeps them. Throws a `SyntaxError` where it is none. */
export const compile = (pattern: string, { ignoreCase, multiline }: Flags): RegExp => {
  const flags = `g${ignoreCase ? "i" : ""}${multiline ? "ms" : ""}`
  try {
    return new RegExp(pattern, `${flags}u`)
  } catch {
    return new RegExp(pattern, flags)
  }
}

/**
 * A compiled expression in the words of ripgrep, matching wherever it matches and
 * perhaps elsewhere; undefined where it has anything of which that is not known.
 */
export const widened = ({ ignoreCase, source, unicode }: RegExp, multiline: boolean): string | undefined => {
  if (!unicode) return undefined
  let out = ignoreCase ? "(?i)" : ""
  for (let at = 0; at < source.length;) {
    token.lastIndex = at
    const [all = ""] = token.exec(source) ?? []
    if (all === "") return undefined
    at += all.length
    // What stands at the end of a line differs between the two where lines are many; a place where words begin differs
    // by what a letter is.
    out += all === "\\b" || all === "\\B" || (multiline && (all === "^" || all === "$")) ? "(?:)" : meant(all)
  }
  return out
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const token =
  /[\w \-~`!@#%&=:;"'<>,/]|\P{ASCII}|[.^$|)]|\((?:\?:)?(?![?*+{])|[*+?]\??|\{\d+(?:,\d*)?\}\??|\\[dwbBtn.*+?^$()[\]{}|/\\]|\[\^?(?:[A-Za-z0-9_ ]-[A-Za-z0-9_ ](?![-\w])|[A-Za-z0-9_ .,:;"'!?()*+/<>=@#%$]|\\[dwt.*+?^$()[\]{}|/\\-])+\]/uy

const meant = (text: string): string =>
  text === "\\d"
    ? "[0-9]"
    : text === "\\w"
    ? "[0-9A-Za-z_]"
    : text === "."
    ? "(?s:.)"
    // A line ends before the carriage return of its end; told so by its option, ripgrep finds none in the middle of a line.
    : text === "$"
    ? "\\r?$"
    : text.startsWith("[")
    ? text.replaceAll("\\d", "0-9").replaceAll("\\w", "0-9A-Za-z_")
    : text
