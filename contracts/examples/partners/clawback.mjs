// What every partner's program in Node.js needs: ids, records, signatures, Kafka, HTTP. Needs kafkajs.
import crypto from "node:crypto";
import fs from "node:fs";
import { Kafka, Partitioners, logLevel } from "kafkajs";

const NAMESPACE = Buffer.from("6d0a5c1e6d0f5b529f392c1f5a3c0d11", "hex");

/** An id of an event: the uuid5 of its parts, joined by U+001F. The same parts give the same id. */
export function eventId(...parts) {
  const name = Buffer.from(parts.join("\x1f"), "utf8");
  const hash = crypto.createHash("sha1").update(NAMESPACE).update(name).digest().subarray(0, 16);
  hash[6] = (hash[6] & 0x0f) | 0x50;
  hash[8] = (hash[8] & 0x3f) | 0x80;
  return hash.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The header that signs a record with an Ed25519 key in PEM. */
export function signature(pem, id, type, key, value) {
  const privateKey = crypto.createPrivateKey(pem);
  const der = crypto.createPublicKey(privateKey).export({ format: "der", type: "spki" });
  const publicKey = der.subarray(-32);
  const sha256 = (bytes) => crypto.createHash("sha256").update(bytes).digest("hex");
  const text = ["clawback-v1", id, type, key, sha256(value)].join("\n");
  const signed = crypto.sign(null, Buffer.from(text, "utf8"), privateKey).toString("base64url");
  return {
    keyId: sha256(publicKey).slice(0, 16),
    publicKey: publicKey.toString("base64"),
    header: `${sha256(publicKey).slice(0, 16)}:${signed}`,
  };
}

/** The private key of SIGNING_KEY_FILE; undefined where nothing is signed. */
export const signingKey = process.env.SIGNING_KEY_FILE && fs.readFileSync(process.env.SIGNING_KEY_FILE);

/** An event as a record of kafkajs: attributes as headers, the event as JSON. */
export function record(source, type, id, event, traceparent) {
  const value = JSON.stringify(event);
  const headers = {
    ce_specversion: "1.0",
    ce_id: id,
    ce_source: source,
    ce_type: type,
    ce_time: new Date().toISOString(),
    ce_subject: event.article_id,
    "content-type": "application/json",
  };
  if (traceparent) headers.traceparent = traceparent;
  if (signingKey) {
    headers["clawback-signature"] = signature(signingKey, id, type, event.article_id, value).header;
  }
  return { key: event.article_id, value, headers };
}

/** Kafka: with TLS and a user of one's own where there is one. */
export function kafka(clientId) {
  const { KAFKA_BOOTSTRAP_SERVERS, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD, KAFKA_SSL_CAFILE } = process.env;
  const secured = KAFKA_SASL_USERNAME && {
    ssl: KAFKA_SSL_CAFILE ? { ca: [fs.readFileSync(KAFKA_SSL_CAFILE)] } : true,
    sasl: { mechanism: "scram-sha-512", username: KAFKA_SASL_USERNAME, password: KAFKA_SASL_PASSWORD },
  };
  return new Kafka({ clientId, brokers: KAFKA_BOOTSTRAP_SERVERS.split(","), logLevel: logLevel.WARN, ...secured });
}

/** A producer that gives a key the partition that Java's client gives it. */
export const producerOf = (client) => client.producer({ createPartitioner: Partitioners.DefaultPartitioner });

/** A call with a JSON answer; anything but success is an error that has the answer. */
export async function call(url, { key, method = "GET", body, headers = {} } = {}) {
  const sent = { ...(body && { "content-type": "application/json" }), ...(key && { "x-api-key": key }), ...headers };
  const answer = await fetch(url, { method, body, headers: sent });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

/** Asks until `done`, for at most a minute. */
export async function ask(url, key, done) {
  for (let left = 120; left > 0; left -= 1) {
    const answer = await call(url, { key });
    if (done(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`${url}: no such answer within a minute`);
}

/** All of standard input. */
export const input = () => fs.readFileSync(0, "utf8");
