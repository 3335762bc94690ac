// A provider's webhook: pushes the article on standard input, signed as Standard Webhooks says.
import crypto from "node:crypto";
import { call, eventId, input } from "./clawback.mjs";

const { PROVIDER, WEBHOOK_SECRET, INGESTER_URL } = process.env;
const article = JSON.parse(input());
// A retry sends the same id and the same bytes, so nothing in the body is of the moment.
const body = JSON.stringify({ type: "article.changed", timestamp: article.published_at, data: article });
const id = eventId("submitted", article.article_id, article.source_order);
const stamp = Math.floor(Date.now() / 1000);
const secret = Buffer.from(WEBHOOK_SECRET.replace("whsec_", ""), "base64");
const signed = crypto.createHmac("sha256", secret).update(`${id}.${stamp}.${body}`).digest("base64");
const headers = { "webhook-id": id, "webhook-timestamp": String(stamp), "webhook-signature": `v1,${signed}` };
console.log(
  JSON.stringify(await call(`${INGESTER_URL}/api/v1/webhooks/${PROVIDER}`, { method: "POST", body, headers })),
);
