// Reads the first records of a topic with kafkajs in its default settings, and prints each as a line of JSON.
import { Kafka, logLevel } from "kafkajs";

const [bootstrap, topic, count] = process.argv.slice(2);
const kafka = new Kafka({ clientId: "reader", brokers: bootstrap.split(","), logLevel: logLevel.NOTHING });
const consumer = kafka.consumer({ groupId: `kafkajs-${Date.now()}` });

const finished = new Promise((resolve, reject) => {
  // kafkajs restarts the consumer itself after errors that can pass.
  consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || reject(payload.error));
  let left = Number(count);
  consumer
    .connect()
    .then(() => consumer.subscribe({ topic, fromBeginning: true }))
    .then(() =>
      consumer.run({
        eachMessage: async ({ message }) => {
          const headers = Object.entries(message.headers).map(([name, value]) => [name, value.toString("base64")]);
          const record = {
            key: message.key.toString(),
            headers: Object.fromEntries(headers),
            value: message.value.toString("base64"),
          };
          process.stdout.write(`${JSON.stringify(record)}\n`);
          left -= 1;
          if (left === 0) resolve();
        },
      }),
    )
    .catch(reject);
});

try {
  await finished;
} catch (error) {
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 1;
} finally {
  await consumer.disconnect();
}
