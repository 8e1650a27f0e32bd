/** An authorisation server on loopback: it registers clients, lets in whoever asks, with PKCE, refreshes with rotation, takes back, and knows what it gave. */
import { Effect, type Scope } from "effect"
import { createHash, randomUUID } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

interface Code {
  readonly challenge: string
  readonly client: string
  readonly redirect: string
}

/** What a stub is, as a test changes it. */
export class OAuthStub {
  origin = ""
  /** A client that was registered by hand, with its secret. */
  known: readonly [id: string, secret: string] | undefined
  readonly access = new Set<string>()
  readonly grants: Array<string> = []
  registrations = 0
  /** Where people agree, in place of here. */
  agreeAt: string | undefined
  /** Nobody is let in any more. */
  refuses = false
  /** Whether it takes word that what it gave counts no more. */
  revokes = true
  private readonly codes = new Map<string, Code>()
  private readonly refreshes = new Set<string>()

  /** Until the scope ends. */
  readonly listen: Effect.Effect<string, never, Scope.Scope> = Effect.map(
    Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const http = createServer((request, response) => void this.answer(request, response))
        http.listen(0, "127.0.0.1", () => resume(Effect.succeed(http)))
      }),
      (http) =>
        Effect.callback<void>((resume) => {
          http.close(() => resume(Effect.void))
          http.closeAllConnections()
        })
    ),
    (http) => this.origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  )

  /** Whether a request is let in. */
  readonly lets = (authorization: string | undefined): boolean =>
    authorization !== undefined && this.access.has(authorization.replace("Bearer ", ""))

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ""
    for await (const chunk of request) body += String(chunk)
    const { pathname, searchParams } = new URL(request.url ?? "/", this.origin)
    const json = (value: unknown, status = 200) =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value))
    switch (pathname) {
      case "/.well-known/oauth-authorization-server":
        return json({
          issuer: this.origin,
          authorization_endpoint: this.agreeAt ?? `${this.origin}/authorize`,
          token_endpoint: `${this.origin}/token`,
          registration_endpoint: `${this.origin}/register`,
          ...(this.revokes ? { revocation_endpoint: `${this.origin}/revoke` } : {}),
          response_types_supported: ["code"],
          code_challenge_methods_supported: ["S256"],
          grant_types_supported: ["authorization_code", "refresh_token", "client_credentials"],
          token_endpoint_auth_methods_supported: ["none", "client_secret_basic"]
        })
      case "/register":
        this.registrations++
        return json({ ...JSON.parse(body) as object, client_id: `client-${this.registrations}` }, 201)
      case "/authorize": {
        const code = randomUUID()
        const redirect = searchParams.get("redirect_uri") ?? ""
        this.codes.set(code, {
          challenge: searchParams.get("code_challenge") ?? "",
          client: searchParams.get("client_id") ?? "",
          redirect
        })
        const back = new URL(redirect)
        back.searchParams.set("code", code)
        back.searchParams.set("state", searchParams.get("state") ?? "")
        return void response.writeHead(302, { location: back.href }).end()
      }
      case "/token":
        return json(...this.granted(new URLSearchParams(body), request.headers.authorization))
      case "/revoke": {
        // What was given with it counts no more either.
        if (this.refreshes.delete(new URLSearchParams(body).get("token") ?? "")) this.access.clear()
        return json({})
      }
      default:
        return json({}, 404)
    }
  }

  private granted(asked: URLSearchParams, authorization: string | undefined): [unknown, number] {
    const refused = (error: string): [unknown, number] => [{ error }, 400]
    const grant = asked.get("grant_type") ?? ""
    if (this.refuses) return refused("invalid_grant")
    if (grant === "authorization_code") {
      const code = this.codes.get(asked.get("code") ?? "")
      this.codes.delete(asked.get("code") ?? "")
      const challenge = createHash("sha256").update(asked.get("code_verifier") ?? "").digest("base64url")
      const fits = code?.challenge === challenge && code.client === asked.get("client_id") &&
        code.redirect === asked.get("redirect_uri")
      if (!fits) return refused("invalid_grant")
    } else if (grant === "refresh_token") {
      // Each may be used once.
      if (!this.refreshes.delete(asked.get("refresh_token") ?? "")) return refused("invalid_grant")
    } else if (this.known === undefined || authorization !== `Basic ${btoa(this.known.join(":"))}`) {
      return refused("invalid_client")
    }
    this.grants.push(grant)
    const access = `access-${randomUUID()}`
    const refresh = `refresh-${randomUUID()}`
    this.access.add(access)
    this.refreshes.add(refresh)
    return [{
      access_token: access,
      token_type: "Bearer",
      expires_in: 3600,
      ...(grant === "client_credentials" ? {} : { refresh_token: refresh })
    }, 200]
  }
}
