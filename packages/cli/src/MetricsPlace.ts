/** Where a worker tells its metrics, as it is typed. */
import * as Option from "effect/Option"

/** An address and a port to listen at, and the text that said so. */
export interface MetricsPlace {
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
  readonly text: string
}

/** What a place has to look like. */
export const expected =
  "expected HOST:PORT such as 127.0.0.1:9464 or [::1]:9464, or a port from 0 to 65535 alone, which only this machine reaches"

/** Reads a place: `HOST:PORT`, or `PORT` or `:PORT` on the loopback interface. */
export const parse = (text: string): Option.Option<MetricsPlace> => {
  const [, six, name, digits] = /^(?:(?:\[([\da-fA-F:.]+)\]|([^\s:/[\]]*)):)?(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535) return Option.none()
  return Option.some({ host: six ?? (name === undefined || name === "" ? "127.0.0.1" : name), port, text })
}
