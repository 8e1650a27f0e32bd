/** The module of the threads that read PDFs. */
import { serve } from "../Served.ts"
import { read } from "./Pdf.ts"

await serve(read)
