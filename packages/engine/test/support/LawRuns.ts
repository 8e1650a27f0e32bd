/**
 * How many programs a law is tried on: with `FERMATA_LONG`, as in CI, `long`, and otherwise `short`. `FERMATA_LAW_RUNS`
 * says another number, for a longer search or a shorter one.
 */
export const lawRuns = ({ long, short }: { readonly short: number; readonly long: number }): number =>
  Number(process.env["FERMATA_LAW_RUNS"] ?? (process.env["FERMATA_LONG"] === undefined ? short : long))
