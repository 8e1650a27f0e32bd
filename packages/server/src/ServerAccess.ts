/** Ways to let callers in: what a server is given beside its routes. */
import { Access, Caller, scopes } from "@fermata/api/Access"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/**
 * Lets in whoever reaches the server, as this person, with every scope: for a
 * server that listens on the loopback interface alone, where who calls has the
 * machine anyway. That it is this person is asserted, not proven.
 */
export const layerOpen = ({ person }: { readonly person: string }): Layer.Layer<Access> =>
  Layer.succeed(
    Access,
    (route) =>
      Effect.provideService(route, Caller, {
        name: person,
        roles: [person],
        scopes: new Set(scopes),
        how: "machine"
      })
  )
