/**
 * Where a process may go on the network, as data, and what follows from it for
 * one address. Pure: nothing is looked up here.
 *
 * @example
 * ```ts
 * const policy = EgressPolicy.make({ hosts: ["api.example.com", "*.cdn.example.com"], privateHosts: ["db.internal"] })
 * ```
 */
import * as Schema from "effect/Schema"
import * as IpAddress from "./IpAddress.ts"

const Texts = Schema.Array(Schema.String)
const Positive = Schema.Int.check(Schema.isGreaterThan(0))

/** Where a process may go. */
export const EgressPolicy = Schema.Struct({
  /**
   * Hosts by name: `api.example.com`, or `*.example.com` for all names below it,
   * or `*` for every one. Only their public addresses.
   */
  hosts: Texts,
  /** `https`, and `http` where it may be read on the way. */
  schemes: Schema.Array(Schema.Literals(["https", "http"])),
  /** Ports of these hosts. */
  ports: Schema.Array(Schema.Int),
  /**
   * Hosts, as in `hosts`, which may be at loopback and private addresses too.
   * An address that is link-local, or that tells a machine its credentials, is
   * reached only where it is itself in this list.
   */
  privateHosts: Texts,
  /**
   * Scheme, host and port as somebody wrote them who configures this process,
   * such as `http://localhost:11434`: reached whatever the other lists say, also
   * at private addresses.
   */
  origins: Texts,
  /** Of all that, these hosts and no others: for one purpose among several. As in `hosts`. */
  only: Schema.optionalKey(Texts),
  /** This machine reaches IPv4 by NAT64 alone: an address in `64:ff9b::/96` counts as the IPv4 address in it. */
  nat64: Schema.Boolean,
  /** Redirects of one request. */
  maxRedirects: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  /** Bytes of a response, decoded. */
  maxResponseBytes: Positive,
  /** ms until there is a response, redirects included; and between any two parts of it. */
  idleTimeoutMs: Positive,
  /** ms from the request to the last byte of its response. */
  timeoutMs: Positive
})
export type EgressPolicy = typeof EgressPolicy.Type

/** Nobody is reached; the limits are those that count where nothing else is said. */
export const closed: EgressPolicy = {
  hosts: [],
  schemes: ["https"],
  ports: [443],
  privateHosts: [],
  origins: [],
  nat64: false,
  maxRedirects: 5,
  maxResponseBytes: 16 * 1024 * 1024,
  idleTimeoutMs: 60_000,
  timeoutMs: 300_000
}

/** Every host with a public address, by `https` and `http`: the default of other engines. */
export const open: EgressPolicy = { ...closed, hosts: ["*"], schemes: ["https", "http"], ports: [443, 80] }

/** A policy; what is left out is as in `closed`. Throws where a host, an origin or a number is none. */
export const make = (given: Partial<EgressPolicy>): EgressPolicy => extend(closed, given)

/** This policy, where the lists of another are reached too, and its limits hold. Throws as `make` does. */
export const extend = (policy: EgressPolicy, more: Partial<EgressPolicy>): EgressPolicy => {
  const both = <A>(one: ReadonlyArray<A>, other: ReadonlyArray<A> = []) => [...new Set([...one, ...other])]
  const limits = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined))
  return Schema.decodeUnknownSync(EgressPolicy)({
    ...policy,
    ...limits,
    hosts: both(policy.hosts, more.hosts?.map(patternOf)),
    schemes: more.schemes ?? policy.schemes,
    ports: more.ports ?? policy.ports,
    privateHosts: both(policy.privateHosts, more.privateHosts?.map(patternOf)),
    origins: both(policy.origins, more.origins?.map(originOf)),
    ...(more.only === undefined ? {} : { only: more.only.map(patternOf) })
  })
}

/** Which rule refuses. */
export type Rule =
  | "no way out"
  | "url"
  | "scheme"
  | "credentials"
  | "host"
  | "port"
  | "address"
  | "header"
  | "redirect"

/** Why something is refused, and what would allow it, each as a part of a sentence. */
export interface Refusal {
  readonly rule: Rule
  readonly problem: string
  readonly remedy: string
}

/** Where a request goes, as far as its URL says. */
export interface Target {
  readonly url: URL
  /** The name, or the address in brackets or without, as it is compared: no dot at its end. */
  readonly host: string
  /** The address, where the URL names one. */
  readonly literal: string | undefined
  readonly port: number
  /** Which addresses it may be at beside public ones. */
  readonly opens: "nothing" | "private"
}

/** Whether this host is one of these: exact names, `*.example.com` for names below, and `*`. */
export const matches = (host: string, patterns: ReadonlyArray<string>): boolean =>
  patterns.some((pattern) =>
    pattern === "*" || pattern === host || (pattern.startsWith("*.") && host.endsWith(pattern.slice(1)))
  )

/** Where this URL goes, or why it may not. `base` is where it was read, for one that leaves out a part. */
export const target = (policy: EgressPolicy, text: string, base?: URL): Target | Refusal => {
  if (text.length > maxUrlLength) {
    return refusal("url", `its URL is ${text.length} characters long`, `a URL has at most ${maxUrlLength}`)
  }
  // Whoever reads a URL leaves these out, or takes them for something else.
  if (/[\p{Cc} \\]/u.test(text)) {
    return refusal("url", "its URL has a control character, a space or a backslash in it", "write it percent-encoded")
  }
  if (!URL.canParse(text, base?.href)) return refusal("url", "its URL cannot be read", "write it as scheme://host/path")
  const url = new URL(text, base?.href)
  const scheme = url.protocol.slice(0, -1)
  if (scheme !== "https" && scheme !== "http") {
    return refusal("scheme", `it is asked by "${scheme}"`, "only https and http go out")
  }
  if (url.username !== "" || url.password !== "") {
    return refusal("credentials", "its URL holds a user name or a password", "give them as the header authorization")
  }
  const host = bare(url.hostname)
  const port = url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port)
  const literal = host.startsWith("[") ? host.slice(1, -1) : IpAddress.canonical(host)
  if (policy.only !== undefined && !matches(host, policy.only)) {
    return refusal(
      "host",
      "it is none of the hosts that may be asked for this",
      `the list of them allows it by "${host}"`
    )
  }
  const found = (opens: Target["opens"]): Target => ({ url, host, literal, port, opens })
  if (policy.origins.includes(`${scheme}://${host}:${port}`)) return found("private")
  if (metadataNames.has(host)) {
    return refusal("host", "it is the name under which a cloud tells machines their credentials", "nothing allows it")
  }
  const opens = matches(host, policy.privateHosts) ? "private" : "nothing"
  if (opens === "nothing" && !matches(host, policy.hosts)) {
    return refusal("host", "it is none of the hosts that may be reached", `the policy allows it by hosts: ["${host}"]`)
  }
  if (!policy.schemes.includes(scheme)) {
    return refusal("scheme", `it is asked by ${scheme}`, `the policy allows it by schemes: ["${scheme}"]`)
  }
  return policy.ports.includes(port)
    ? found(opens)
    : refusal("port", `it is asked at port ${port}`, `the policy allows it by ports: [${port}]`)
}

/** Why this address of a target may not be reached; nothing where it may. */
export const refusedAddress = (policy: EgressPolicy, target: Target, address: string): Refusal | undefined => {
  const inner = policy.nat64 ? IpAddress.behindNat64(address) : undefined
  const { meaning, range, reach } = IpAddress.judge(inner ?? address)
  if (reach === "public") return undefined
  const isItself = target.literal !== undefined
  const isListed = policy.privateHosts.includes(target.host) || isOrigin(policy, target)
  const mayBe = reach === "loopback" || reach === "private"
    ? target.opens === "private"
    : (reach === "link-local" || reach === "metadata") && isItself && isListed
  if (mayBe) return undefined
  const problem = `${isItself ? "it is" : "it is at"} ${address}: ${meaning}${range === "" ? "" : `, ${range}`}`
  return refusal("address", problem, remedyFor(reach, target))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const maxUrlLength = 8_192

const refusal = (rule: Rule, problem: string, remedy: string): Refusal => ({ rule, problem, remedy })

const remedyFor = (reach: IpAddress.Reach, { host, literal }: Target): string => {
  switch (reach) {
    case "loopback":
    case "private":
      return `the policy allows it by privateHosts: ["${host}"]`
    case "link-local":
    case "metadata":
      return literal === undefined
        ? "nothing allows it under a name; the policy allows the address by privateHosts"
        : `the policy allows it by privateHosts: ["${host}"]`
    default:
      return "nothing allows it"
  }
}

/** Names under which clouds tell machines their credentials. */
const metadataNames = new Set([
  "metadata",
  "metadata.google.internal",
  "metadata.goog",
  "metadata.azure.internal",
  "metadata.tencentyun.com",
  "instance-data",
  "instance-data.ec2.internal"
])

const isOrigin = ({ origins }: EgressPolicy, { host, port, url }: Target): boolean =>
  origins.includes(`${url.protocol}//${host}:${port}`)

/** `example.com.` is `example.com`. */
const bare = (hostname: string): string => hostname.replace(/\.$/, "")

/** A host as URLs have it: in lower case and without other letters than those of names. */
const hostOf = (text: string): string | undefined => {
  const inUrl = text.includes(":") && !text.startsWith("[") ? `[${text}]` : text
  if (/[\s/?#@\\*]/.test(text) || !URL.canParse(`http://${inUrl}/`)) return undefined
  const { hostname, port } = new URL(`http://${inUrl}/`)
  return port === "" && hostname !== "" ? bare(hostname) : undefined
}

const patternOf = (text: string): string => {
  if (text === "*") return text
  const isBelow = text.startsWith("*.")
  const host = hostOf(isBelow ? text.slice(2) : text)
  if (host === undefined || (isBelow && (host.startsWith("[") || IpAddress.canonical(host) !== undefined))) {
    throw new Error(`"${text}" is no host: write a name such as "api.example.com", "*.example.com", an address, or "*"`)
  }
  return isBelow ? `*.${host}` : host
}

const originOf = (text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new Error(`"${text}" is no origin: write scheme, host and port, such as "http://localhost:11434"`)
  }
  return `${url.protocol}//${bare(url.hostname)}:${url.port === "" ? (url.protocol === "https:" ? 443 : 80) : url.port}`
}
