// A holder: keeps licensed articles in a folder, removes what is revoked, hides what is withheld, and answers.
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import path from "node:path";
import crypto from "node:crypto";
import { call, eventId, kafka, producerOf, record, signature, signingKey } from "./clawback.mjs";
import { accepts, isOrder, unknown, withOrder, withVersion } from "./copies.mjs";

const { HOLDER, GROUP, STORE, COMPLIANCE_URL, OPERATOR_KEY, HOLDINGS_PORT, HOLDINGS_CERTFILE } = process.env;
const REMOVED = "clawback.revocation.removed.v1";

// One file an article, which stays when its content goes: it has the numbers that keep late copies out.
const file = (id) => path.join(STORE, crypto.createHash("sha256").update(id).digest("hex"));
function load(id) {
  return fs.existsSync(file(id)) ? JSON.parse(fs.readFileSync(file(id), "utf8")) : { state: unknown };
}
function save(id, state, content) {
  fs.writeFileSync(`${file(id)}.new`, JSON.stringify({ id, state, ...(state.held && { content }) }), { flush: true });
  fs.renameSync(`${file(id)}.new`, file(id));
}

function hold(article) {
  const { state } = load(article.article_id);
  if (accepts(state, article)) save(article.article_id, withVersion(state, article), article);
}

function applyOrder(type, order) {
  const { state: before, content } = load(order.article_id);
  const { state, outcome } = withOrder(before, type, order);
  save(order.article_id, state, content);
  return outcome;
}

function receipt(order, outcome, traceparent) {
  const id = eventId("receipt", order.article_id, order.order, HOLDER, order.attempt);
  const said = {
    receipt_id: id,
    article_id: order.article_id,
    order: order.order,
    holder: HOLDER,
    removals: [{ copy_kind: "content", outcome }],
    answered_at: new Date().toISOString(),
    attempt: order.attempt,
  };
  return record(HOLDER, REMOVED, id, said, traceparent);
}

// What one record says; the answer to it, if it is an order that this holder is to answer.
function take({ headers, value, offset }) {
  const type = String(headers.ce_type);
  try {
    if (type === "clawback.article.published.v1") hold(JSON.parse(value));
    if (!isOrder(type)) return [];
    const order = JSON.parse(value);
    const outcome = applyOrder(type, order);
    const addressed = !order.holders || order.holders.includes(HOLDER);
    return addressed ? [receipt(order, outcome, headers.traceparent && String(headers.traceparent))] : [];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error; // the store failed: kafkajs gives the record again
    console.error(`skipped offset ${offset}: no JSON`);
    return [];
  }
}

async function register() {
  const keys = signingKey && signature(signingKey, "", "", "", "");
  const registration = {
    name: HOLDER,
    group: GROUP,
    purpose: "shows articles",
    copy_kinds: ["content"],
    holdings_url: `${HOLDINGS_CERTFILE ? "https" : "http"}://127.0.0.1:${HOLDINGS_PORT}/holdings`,
    ...(keys && { signing_keys: { [keys.keyId]: keys.publicKey } }),
  };
  const url = `${COMPLIANCE_URL}/api/v1/compliance/holders`;
  await call(url, { key: OPERATOR_KEY, method: "POST", body: JSON.stringify(registration) });
}

function answerForHoldings() {
  const answer = (request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      try {
        const ids = JSON.parse(Buffer.concat(chunks).toString()).article_ids;
        const items = Object.fromEntries(ids.map((id) => [id, load(id).state.held ? "held" : "gone"]));
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ items }));
      } catch {
        response.writeHead(422).end();
      }
    });
  };
  const tls = HOLDINGS_CERTFILE && {
    cert: fs.readFileSync(HOLDINGS_CERTFILE),
    key: fs.readFileSync(process.env.HOLDINGS_KEYFILE),
  };
  const server = tls ? https.createServer(tls, answer) : http.createServer(answer);
  server.listen(Number(HOLDINGS_PORT), "127.0.0.1");
  return server;
}

fs.mkdirSync(STORE, { recursive: true, mode: 0o700 });
const server = answerForHoldings();
if (OPERATOR_KEY) await register(); // before it consumes; later starts need no such key
const client = kafka(HOLDER);
const producer = producerOf(client);
const consumer = client.consumer({ groupId: GROUP });
await producer.connect();
await consumer.connect();
await consumer.subscribe({ topics: ["articles.v1", "revocations.v1"], fromBeginning: true });
await consumer.run({
  // Store, answer, then commit: kafkajs commits the offsets of a batch when this returns.
  eachBatch: async ({ batch }) => {
    const answers = batch.messages.flatMap(take);
    if (answers.length) await producer.send({ topic: "removal-receipts.v1", acks: -1, messages: answers });
  },
});
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, async () => {
    server.close();
    await consumer.disconnect();
    await producer.disconnect();
    process.exit(0);
  });
}
