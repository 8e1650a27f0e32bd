import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as IpAddress from "../src/IpAddress.ts"

const reach = (address: string) => IpAddress.judge(address).reach
const byte = fc.integer({ min: 0, max: 255 })
const group = fc.integer({ min: 0, max: 0xffff })
const hex = (groups: ReadonlyArray<number>) => groups.map((one) => one.toString(16)).join(":")

/** What is public of IPv4, written once more as comparisons, so that the table is held against something else. */
const isPublic = ([a, b, c, d]: readonly [number, number, number, number]): boolean =>
  !(a === 0 || a === 10 || a === 127 || a >= 224 || (a === 100 && b >= 64 && b < 128) || (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) || (a === 192 && b === 0 && (c === 0 || c === 2)) ||
    (a === 192 && b === 88 && c === 99) || (a === 198 && (b === 18 || b === 19)) ||
    (a === 198 && b === 51 && c === 100) ||
    (a === 203 && b === 0 && c === 113) || (a === 168 && b === 63 && c === 129 && d === 16))

/** Bytes near the edges of ranges, and others. */
const edged = fc.oneof(
  byte,
  fc.constantFrom(0, 1, 9, 10, 11, 15, 16, 18, 31, 32, 51, 63, 64, 88, 99, 100, 113, 127, 128)
)
const first = fc.oneof(byte, fc.constantFrom(0, 10, 100, 127, 168, 169, 172, 192, 198, 203, 223, 224, 255))
const octets = fc.tuple(first, fc.oneof(edged, fc.constantFrom(168, 254)), edged, edged)

describe("an internet address", () => {
  it("is public exactly where no registry has set it aside", () => {
    fc.assert(
      fc.property(octets, (of) => assert.strictEqual(reach(of.join(".")) === "public", isPublic(of), of.join("."))),
      { numRuns: 3_000 }
    )
  })

  it("of IPv6 is public in 2000::/3 alone, and never where it says an IPv4 address", () => {
    fc.assert(fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const isGiven = groups[0]! >> 13 === 1
      if (!isGiven) assert.notStrictEqual(reach(hex(groups)), "public")
      const [, , , , , , high, low] = groups as [number, number, number, number, number, number, number, number]
      const tail = hex([high, low])
      for (
        const says of [
          `::${tail}`,
          `::ffff:${tail}`,
          `::ffff:0:${tail}`,
          `64:ff9b::${tail}`,
          `64:ff9b:1::${tail}`,
          `2002:${tail}::1`,
          `2001:0:${tail}::`,
          `2a00:1450:4001:830:0:5efe:${tail}`,
          `2a00:1450:4001:830:200:5efe:${tail}`
        ]
      ) assert.notStrictEqual(reach(says), "public", says)
    }))
  })

  it("is what its registry says", () => {
    const table: ReadonlyArray<readonly [string, IpAddress.Reach]> = [
      ["8.8.8.8", "public"],
      ["1.1.1.1", "public"],
      ["192.0.1.1", "public"],
      ["2606:4700:4700::1111", "public"],
      ["2001:4860:4860::8888", "public"],
      ["2a00:1450:4001:830::200e", "public"],
      ["127.0.0.1", "loopback"],
      ["127.255.255.254", "loopback"],
      ["::1", "loopback"],
      ["10.255.255.255", "private"],
      ["100.127.255.255", "private"],
      ["fd12:3456:789a::1", "private"],
      ["fec0::1", "private"],
      ["169.254.1.1", "link-local"],
      ["fe80::1", "link-local"],
      ["fe80::1%eth0", "link-local"],
      ["169.254.169.254", "metadata"],
      ["fd00:ec2::254", "metadata"],
      ["100.100.100.200", "metadata"],
      ["168.63.129.16", "metadata"],
      ["::127.0.0.1", "translated"],
      ["::7f00:1", "translated"],
      ["::ffff:8.8.8.8", "translated"],
      ["64:ff9b::8.8.8.8", "translated"],
      ["2002:7f00:1::", "translated"],
      ["2001:0:4136:e378::", "translated"],
      ["0.0.0.0", "reserved"],
      ["::", "reserved"],
      ["255.255.255.255", "reserved"],
      ["240.0.0.1", "reserved"],
      ["224.0.0.1", "reserved"],
      ["ff02::1", "reserved"],
      ["100::1", "reserved"],
      ["3fff::1", "reserved"],
      ["5f00::1", "reserved"],
      ["4000::1", "reserved"]
    ]
    for (const [address, expected] of table) assert.strictEqual(reach(address), expected, address)
  })

  it("is four decimals or IPv6: what other readers take for one is none", () => {
    for (
      const text of [
        "",
        "localhost",
        "127.1",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "2130706433",
        "127.0.0.1.",
        "[::1]",
        "1::2::3"
      ]
    ) {
      assert.deepStrictEqual(IpAddress.judge(text), { reach: "reserved", range: "", meaning: "no internet address" })
    }
  })

  it("behind NAT64 is told", () => {
    assert.strictEqual(IpAddress.behindNat64("64:ff9b::7f00:1"), "127.0.0.1")
    assert.isUndefined(IpAddress.behindNat64("64:ff9b:1::7f00:1"))
    assert.isUndefined(IpAddress.behindNat64("127.0.0.1"))
  })
})
