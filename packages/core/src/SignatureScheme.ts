/** Ways in which a webhook is signed, as data: which headers have what, and what they cover. */
import * as Schema from "effect/Schema"

/** The name of a header: letters, digits and `-`, up to 100 characters. */
const HeaderName = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9-]{1,100}$/, {
  expected: "the name of a header: letters, digits and -, up to 100 characters"
}))

/**
 * [Standard Webhooks](https://www.standardwebhooks.com): `webhook-id`, `webhook-timestamp` (seconds) and
 * `webhook-signature`. Secrets are base64, with `whsec_` before them or not.
 */
export const Standard = Schema.Struct({ type: Schema.Literal("standard") })

/** GitHub: `X-Hub-Signature-256: sha256=<hex>` over the body. It knows no time, so whoever accepts it keeps the delivery ids. */
export const GitHub = Schema.Struct({ type: Schema.Literal("github") })

/** Slack: `X-Slack-Signature: v0=<hex>` over `v0:<time>:<body>`, and `X-Slack-Request-Timestamp` in seconds. */
export const Slack = Schema.Struct({ type: Schema.Literal("slack") })

/** A plain HMAC in a header, over the body or, with `timestamp`, over `<time>.<body>`. */
export const Hmac = Schema.Struct({
  type: Schema.Literal("hmac"),
  /** The header that has the signature, in any case. */
  header: HeaderName,
  /** What stands before the signature, such as `sha256=`. */
  prefix: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(32))),
  /** `sha256` when absent. `sha1` is for senders that know nothing else. */
  algorithm: Schema.optionalKey(Schema.Literals(["sha256", "sha512", "sha1"])),
  /** `hex` when absent. */
  encoding: Schema.optionalKey(Schema.Literals(["hex", "base64"])),
  /** The header that has the time of the message, in seconds or in ms. */
  timestamp: Schema.optionalKey(Schema.Struct({ header: HeaderName, unit: Schema.Literals(["s", "ms"]) }))
})

/** How a webhook is signed. */
export const Scheme = Schema.Union([Standard, GitHub, Slack, Hmac])
export type Scheme = typeof Scheme.Type
