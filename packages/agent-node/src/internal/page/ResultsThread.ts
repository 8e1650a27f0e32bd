/** The module of the threads that read the pages of search engines. */
import { serve } from "../Served.ts"
import { read } from "./Results.ts"

await serve(read)
