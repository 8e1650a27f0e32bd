/**
 * For services outside of this package that write to the store on somebody's
 * behalf, so that what they do is in the audit and is done once for each request.
 */
export { of, type What, write } from "./internal/Acting.ts"
