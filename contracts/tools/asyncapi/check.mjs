// Prints what AsyncAPI's own parser has against a document, a line a finding; exits 1 when it is an error.
import { Parser, fromFile } from "@asyncapi/parser";

const { document, diagnostics } = await fromFile(new Parser(), process.argv[2]).parse();
for (const { severity, code, message, path } of diagnostics) {
  console.log(`${["error", "warning", "information", "hint"][severity]} ${code} ${path.join(".")}: ${message}`);
}
process.exit(document === undefined || diagnostics.some(({ severity }) => severity === 0) ? 1 : 0);
