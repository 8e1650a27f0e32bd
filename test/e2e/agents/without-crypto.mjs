/** Loaded before a program: `node:crypto` is not there, as where only the Web's Crypto is. */
import { registerHooks } from "node:module"

const isCrypto = (name) => name === "crypto" || name === "node:crypto"
const { getBuiltinModule } = process

process.getBuiltinModule = (name) => isCrypto(name) ? undefined : getBuiltinModule(name)
registerHooks({
  resolve: (specifier, context, next) => {
    if (isCrypto(specifier)) throw new Error(`${specifier} is blocked`)
    return next(specifier, context)
  }
})
