import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Stream } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { connect } from "node:net"
import * as NodeServer from "../src/NodeServer.ts"

it.live("cuts the connection of a reader that takes nothing any more, and what it was sent ends with it", () =>
  Effect.gen(function*() {
    const ended = yield* Deferred.make<void>()
    const megabyte = new Uint8Array(1024 * 1024)
    const routes = Layer.merge(
      HttpRouter.add("GET", "/small", HttpServerResponse.text("hello")),
      HttpRouter.add(
        "GET",
        "/",
        HttpServerResponse.stream(
          Stream.ensuring(Stream.forever(Stream.make(megabyte)), Deferred.succeed(ended, undefined))
        )
      )
    )
    const served = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provideMerge(NodeServer.layer({ port: 0, idleMs: 50 }))
    )
    yield* Effect.gen(function*() {
      const { port } = (yield* HttpServer.HttpServer).address as { readonly port: number }
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => {
          const socket = connect(port, "127.0.0.1")
          socket.on("error", () => {})
          // One request is answered, and the next on the same connection with more than is read.
          socket.write("GET /small HTTP/1.1\r\nhost: localhost\r\n\r\n")
          socket.once("data", () => {
            socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            socket.once("data", () => socket.pause())
          })
          return socket
        }),
        (socket) => Effect.sync(() => void socket.destroy())
      )
      yield* Deferred.await(ended)
      assert.isTrue(socket.bytesRead > 0)
    }).pipe(Effect.scoped, Effect.provide(served))
  }))
