/**
 * Texts in which a run names itself. A fork shares what another run has asked
 * for, where the code now says its own id.
 */
import type { SameText } from "@fermata/core/SameJson"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Result from "effect/Result"
import type { Members } from "./Sparse.ts"

/** Compares a recorded text with one that the code says, in which `own` may stand for any of `ancestors`; tokens of deferreds carry the id too. */
export const sameButForId = (own: string, ancestors: Members<string>): SameText => {
  const plainly: SameText = (recorded, asked) =>
    asked.includes(own) && [...ancestors].some((id) => asked.replaceAll(own, id) === recorded)
  return (recorded, asked) => {
    if (recorded === asked || plainly(recorded, asked)) return true
    const tokens = [Base64Url.decodeString(recorded), Base64Url.decodeString(asked)] as const
    return Result.isSuccess(tokens[0]) && Result.isSuccess(tokens[1]) && plainly(tokens[0].success, tokens[1].success)
  }
}
