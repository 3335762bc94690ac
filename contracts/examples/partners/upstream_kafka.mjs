// An upstream system over Kafka: `upstream_kafka.mjs submit <article.json`, and `upstream_kafka.mjs revoke ID`.
import { ask, eventId, input, kafka, producerOf, record } from "./clawback.mjs";

const { UPSTREAM, API_KEY, INGESTER_URL, COMPLIANCE_URL } = process.env;
const [act, articleId] = process.argv.slice(2);

function submission() {
  const article = JSON.parse(input());
  const id = eventId("submitted", article.article_id, article.source_order);
  const sent = record(UPSTREAM, "clawback.article.submitted.v1", id, article);
  return { topic: `article-submissions.${UPSTREAM}.v1`, sent, url: `${INGESTER_URL}/api/v1/submissions/${id}` };
}

function notice() {
  const id = eventId("noticed", UPSTREAM, articleId);
  const notice = {
    notice_id: id,
    article_id: articleId,
    reason: "licensor",
    noticed_by: UPSTREAM,
    noticed_at: new Date().toISOString(),
  };
  const sent = record(UPSTREAM, "clawback.revocation.noticed.v1", id, notice);
  return { topic: "revocation-notices.v1", sent, url: `${COMPLIANCE_URL}/api/v1/notices/${id}` };
}

const { topic, sent, url } = act === "revoke" ? notice() : submission();
const producer = producerOf(kafka(UPSTREAM));
await producer.connect();
await producer.send({ topic, acks: -1, messages: [sent] });
await producer.disconnect();
const answer = await ask(url, API_KEY, ({ state }) => ["published", "refused"].includes(state));
console.log(JSON.stringify(answer));
process.exitCode = answer.state === "refused" ? 1 : 0;
