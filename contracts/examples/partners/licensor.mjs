// A licensor: `licensor.mjs ID…` revokes articles, and waits until every holder that must answer has.
import { ask, call, eventId } from "./clawback.mjs";

const { API_KEY, COMPLIANCE_URL, LICENSOR } = process.env;
const ids = process.argv.slice(2);
const { request_id } = await call(`${COMPLIANCE_URL}/api/v1/compliance/notices`, {
  key: API_KEY,
  method: "POST",
  body: JSON.stringify({ article_ids: ids, reason: "licensor" }),
  headers: { "idempotency-key": eventId("noticed", LICENSOR, ...ids) }, // a retry is no second notice
});
const done = ({ state, items }) => state === "refused" || (state === "published" && items.every((one) => one.closed_at));
const answer = await ask(`${COMPLIANCE_URL}/api/v1/notices/${request_id}`, API_KEY, done);
console.log(JSON.stringify(answer));
process.exitCode = answer.state === "refused" ? 1 : 0;
