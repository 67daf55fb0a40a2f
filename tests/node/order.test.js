// No loss, no duplicate, no swap: 10,000 of each kind over each transport, and while it upgrades.
import assert from "node:assert/strict";
import { it } from "node:test";

import { ask, connect, once, settled, socket, upgraded } from "./support/client.js";
import { overEachWay } from "./support/suite.js";
import { within } from "./support/within.js";

const COUNT = 10_000;
const numbers = Array.from({ length: COUNT }, (_, n) => n);
// What may be under way at once: well below what a server's queue for a slow reader holds.
const WINDOW = 250;

/** Emits COUNT acked events, WINDOW at a time, and returns the answers in the order they came. */
async function emitAll(client, event) {
  const answers = [];
  for (let from = 0; from < COUNT; from += WINDOW) {
    const batch = numbers.slice(from, from + WINDOW).map(
      (n) => new Promise((resolve) => client.emit(event, n, (answer) => resolve(answers.push(answer)))),
    );
    await within(`acks ${from}..${from + WINDOW}`, Promise.all(batch), 60_000);
  }
  return answers;
}

overEachWay("order", ({ connect: open, url, way }) => {
  it("answers 10,000 acked events, each once and in order", { timeout: 120_000 }, async () => {
    const client = await open();
    assert.deepEqual(await emitAll(client, "sequence"), numbers);
    // The server has seen each of them once, in order.
    assert.deepEqual(await ask(client, "sequence-seen"), [{ seen: COUNT, wrong: 0 }]);
  });

  it("delivers 10,000 broadcasts to every client, each once and in order", { timeout: 120_000 }, async () => {
    const clients = await Promise.all([open(), open(), open()]);
    const heard = clients.map((client) => {
      const seen = [];
      client.on("tick", (n) => seen.push(n));
      return seen;
    });
    for (let from = 0; from < COUNT; from += WINDOW) {
      await ask(clients[0], "ticks", from, WINDOW);
      await settled(...clients);
    }
    for (const seen of heard) assert.deepEqual(seen, numbers);
  });

  it("keeps both, with binary among them, while clients come and go", { timeout: 120_000 }, async () => {
    const client = await open();
    const seen = [];
    client.on("mixed", (n, bytes) => seen.push(bytes ? bytes.readUInt32BE() : n));
    const count = 2000;
    for (let from = 0; from < count; from += WINDOW) {
      const passing = await connect(url(), way);
      await ask(client, "mix", from, WINDOW);
      passing.disconnect();
      await settled(client);
    }
    assert.deepEqual(seen, numbers.slice(0, count));
  });
});

overEachWay(
  "order across the upgrade",
  ({ url, way }) => {
    it("loses nothing in either direction while 200 connections upgrade", { timeout: 120_000 }, async () => {
      const each = 50;
      for (let round = 0; round < 20; round++) {
        await Promise.all(
          Array.from({ length: 10 }, async () => {
            const client = socket(url(), way);
            const [echoed, heard] = [[], []];
            client.on("bounced", (n) => heard.push(n));
            await once(client, "connect");
            // The upgrade begins when the session opens: everything here is sent in the middle.
            for (let n = 0; n < each; n++) {
              client.emit("bounce", n % 5 ? n : Buffer.from([n]));
              client.emit("echo", n, (answer) => echoed.push(answer));
              if (n % 10 === 0) await new Promise(setImmediate);
            }
            await upgraded(client);
            await settled(client);
            const expected = numbers.slice(0, each);
            assert.deepEqual(heard.map((n) => (Buffer.isBuffer(n) ? n[0] : n)), expected);
            assert.deepEqual(echoed, expected);
            client.disconnect();
          }),
        );
      }
    });

    it("delivers 10,000 broadcasts in order while the connections upgrade", { timeout: 120_000 }, async () => {
      const steady = await connect(url(), "websocket");
      for (let from = 0; from < COUNT; from += 500) {
        const client = socket(url(), way);
        const seen = [];
        client.on("tick", (n) => seen.push(n));
        await once(client, "connect");
        // From here on the client is told everything: in pieces, so that they fall before, into
        // and behind the upgrade.
        for (let n = from; n < from + 500; n += 50) await ask(steady, "ticks", n, 50);
        await upgraded(client);
        await settled(client);
        assert.deepEqual(seen, numbers.slice(from, from + 500));
        client.disconnect();
      }
    });

    it("answers 10,000 acked events of connections that upgrade meanwhile", { timeout: 120_000 }, async () => {
      for (let from = 0; from < COUNT; from += 500) {
        const client = socket(url(), way);
        await once(client, "connect");
        const answers = numbers.slice(from, from + 500).map((n) => ask(client, "echo", n));
        assert.deepEqual((await Promise.all(answers)).flat(), numbers.slice(from, from + 500));
        await upgraded(client);
        client.disconnect();
      }
    });
  },
  {},
  ["upgrade"],
);
