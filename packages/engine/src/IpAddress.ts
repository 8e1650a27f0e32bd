/**
 * What an internet address is: one that anybody may be at, or one of this
 * machine, of its network, of its cloud, or of nobody.
 *
 * The special ranges are those of the IANA registries for IPv4 and IPv6 (RFC
 * 6890, RFC 8190), multicast, and what is not given out: of IPv6, all that is
 * outside of `2000::/3`. An IPv6 address that says an IPv4 address is none of its
 * own, whoever it says: what a gateway on the way makes of it, nobody here knows.
 */
import ipaddr from "ipaddr.js"

/**
 * What an address is. `metadata` are the addresses at which clouds tell machines
 * their own credentials; `translated` are IPv6 addresses that say an IPv4
 * address; `reserved` is what nobody can be at, or everybody.
 */
export type Reach = "public" | "loopback" | "private" | "link-local" | "metadata" | "translated" | "reserved"

/** What an address is, in which range, and where that is written. */
export interface Verdict {
  readonly reach: Reach
  /** The range in CIDR notation; empty for a public address, and for a text that is none. */
  readonly range: string
  /** What the range is, with its source, such as `private use (RFC 1918)`. */
  readonly meaning: string
}

/** What this address is: four decimals, or IPv6. A text that is neither is `reserved`. */
export const judge = (address: string): Verdict => {
  const parsed = parse(address)
  if (parsed === undefined) return { reach: "reserved", range: "", meaning: "no internet address" }
  const found = ranges.find(({ matches }) => matches(parsed))
  if (found !== undefined) return found.verdict
  if (parsed.kind() === "ipv4" || isIn(parsed, "2000::/3")) return everybody
  return { reach: "reserved", range: "!2000::/3", meaning: "not given out (RFC 4291)" }
}

/** The IPv4 address in one of NAT64 (RFC 6052), and nothing for another. */
export const behindNat64 = (address: string): string | undefined => {
  const parsed = parse(address)
  if (parsed === undefined || !isIn(parsed, nat64)) return undefined
  return parsed.toByteArray().slice(12).join(".")
}

/** The address in the one form that it is compared in; undefined for a text that is none. */
export const canonical = (address: string): string | undefined => parse(address)?.toString()

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Parsed = ipaddr.IPv4 | ipaddr.IPv6

/** The forms of one address are many, and no resolver answers with the odd ones. */
const parse = (address: string): Parsed | undefined =>
  ipaddr.IPv4.isValidFourPartDecimal(address) || (address.includes(":") && ipaddr.IPv6.isValid(address))
    ? ipaddr.parse(address)
    : undefined

const matcher = (range: string): (address: Parsed) => boolean => {
  const [network, bits] = ipaddr.parseCIDR(range)
  return (address) => address.kind() === network.kind() && address.match(network as never, bits)
}

const isIn = (address: Parsed, range: string): boolean => matcher(range)(address)

const everybody: Verdict = { reach: "public", range: "", meaning: "public" }
const nat64 = "64:ff9b::/96"

/** The first that holds counts, so what is narrow stands before what is wide. */
const table: ReadonlyArray<readonly [range: string, reach: Reach, meaning: string]> = [
  ["169.254.169.254/32", "metadata", "metadata of clouds"],
  ["169.254.170.2/32", "metadata", "credentials of containers on AWS"],
  ["169.254.170.23/32", "metadata", "credentials of pods on AWS"],
  ["169.254.42.42/32", "metadata", "metadata of Scaleway"],
  ["100.100.100.200/32", "metadata", "metadata of Alibaba Cloud"],
  ["168.63.129.16/32", "metadata", "host agent of Azure"],
  ["192.0.0.192/32", "metadata", "metadata of Oracle Cloud"],
  ["0.0.0.0/8", "reserved", "this network (RFC 791)"],
  ["10.0.0.0/8", "private", "private use (RFC 1918)"],
  ["100.64.0.0/10", "private", "shared by carriers (RFC 6598)"],
  ["127.0.0.0/8", "loopback", "loopback (RFC 1122)"],
  ["169.254.0.0/16", "link-local", "link-local (RFC 3927)"],
  ["172.16.0.0/12", "private", "private use (RFC 1918)"],
  ["192.0.0.0/24", "reserved", "protocol assignments (RFC 6890)"],
  ["192.0.2.0/24", "reserved", "documentation (RFC 5737)"],
  ["192.88.99.0/24", "reserved", "relays of 6to4 (RFC 7526)"],
  ["192.168.0.0/16", "private", "private use (RFC 1918)"],
  ["198.18.0.0/15", "reserved", "benchmarks (RFC 2544)"],
  ["198.51.100.0/24", "reserved", "documentation (RFC 5737)"],
  ["203.0.113.0/24", "reserved", "documentation (RFC 5737)"],
  ["224.0.0.0/4", "reserved", "multicast (RFC 5771)"],
  ["255.255.255.255/32", "reserved", "broadcast (RFC 8190)"],
  ["240.0.0.0/4", "reserved", "for future use (RFC 1112)"],
  ["fd00:ec2::254/128", "metadata", "metadata of AWS"],
  ["fd00:ec2::23/128", "metadata", "credentials of pods on AWS"],
  ["fd20:ce::254/128", "metadata", "metadata of Google Cloud"],
  ["fd00:42::42/128", "metadata", "metadata of Scaleway"],
  ["::/128", "reserved", "unspecified (RFC 4291)"],
  ["::1/128", "loopback", "loopback (RFC 4291)"],
  ["::/96", "translated", "IPv4-compatible (RFC 4291)"],
  ["::ffff:0:0/96", "translated", "IPv4-mapped (RFC 4291)"],
  ["::ffff:0:0:0/96", "translated", "IPv4-translated (RFC 2765)"],
  [nat64, "translated", "NAT64 (RFC 6052)"],
  ["64:ff9b:1::/48", "translated", "local NAT64 (RFC 8215)"],
  ["100::/64", "reserved", "discard (RFC 6666)"],
  ["100:0:0:1::/64", "reserved", "dummy (RFC 9780)"],
  ["2001::/32", "translated", "Teredo (RFC 4380)"],
  ["2001:2::/48", "reserved", "benchmarks (RFC 5180)"],
  ["2001:db8::/32", "reserved", "documentation (RFC 3849)"],
  ["2001::/23", "reserved", "protocol assignments (RFC 2928)"],
  ["2002::/16", "translated", "6to4 (RFC 3056)"],
  ["3fff::/20", "reserved", "documentation (RFC 9637)"],
  ["5f00::/16", "reserved", "segment routing (RFC 9602)"],
  ["fc00::/7", "private", "unique local (RFC 4193)"],
  ["fe80::/10", "link-local", "link-local (RFC 4291)"],
  ["fec0::/10", "private", "site-local (RFC 3879)"],
  ["ff00::/8", "reserved", "multicast (RFC 4291)"]
]

/** The last 64 bits of an address of ISATAP say an IPv4 address, in any network. */
const isIsatap = (address: Parsed): boolean => {
  if (address.kind() !== "ipv6") return false
  const bytes = address.toByteArray()
  return (bytes[8]! & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe
}

const ranges: ReadonlyArray<{ readonly matches: (address: Parsed) => boolean; readonly verdict: Verdict }> = [
  ...table.map(([range, reach, meaning]) => ({ matches: matcher(range), verdict: { reach, range, meaning } })),
  { matches: isIsatap, verdict: { reach: "translated", range: "::5efe:0:0/96", meaning: "ISATAP (RFC 5214)" } }
]
