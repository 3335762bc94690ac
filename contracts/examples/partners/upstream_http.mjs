// An upstream system over HTTP: submits the article on standard input and asks what became of it.
import { ask, call, eventId, input } from "./clawback.mjs";

const { API_KEY, INGESTER_URL } = process.env;
const body = input();
const { article_id, source_order } = JSON.parse(body);
const answer = await call(`${INGESTER_URL}/api/v1/submissions`, {
  key: API_KEY,
  method: "POST",
  body,
  headers: { "idempotency-key": eventId("submitted", article_id, source_order) }, // a retry is no second submission
});
const url = `${INGESTER_URL}/api/v1/submissions/${answer.event_ids[0]}`;
const became = await ask(url, API_KEY, ({ state }) => ["published", "refused"].includes(state));
console.log(JSON.stringify(became));
process.exitCode = became.state === "refused" ? 1 : 0;
