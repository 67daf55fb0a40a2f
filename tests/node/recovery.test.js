// Clients that come back after a lost connection, as the official client does it by itself.
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";

import { MOST_WAYS, ask, closeAll, connect, once, upgraded } from "./support/client.js";
import { proxy } from "./support/proxy.js";
import { fixture } from "./support/server.js";
import { until, within } from "./support/within.js";

const BACK = { reconnection: true, reconnectionDelay: 300, reconnectionDelayMax: 400 };
const RECOVERY = { recovery: 60_000, "ping-interval": 2_000, "ping-timeout": 2_000 };
// The long form: `KOIO_RECOVERY=long`.
const [CLIENTS, DROPS] = process.env.KOIO_RECOVERY === "long" ? [500, 20] : [50, 5];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Collects the numbers of `tick`. */
function ticks(client) {
  const seen = [];
  client.on("tick", (number) => seen.push(number));
  return seen;
}

for (const way of Object.keys(MOST_WAYS)) {
  describe(`coming back, over ${way}`, () => {
    afterEach(closeAll);

    for (const how of ["the client's own close", "a cut"]) {
      // A stream that is cut goes on.
      if (how === "a cut" && way === "eventsource") continue;
      it(`is the same socket and misses nothing after ${how}`, async () => {
        const server = await fixture(RECOVERY);
        const line = await proxy(server.port);
        const client = await connect(`${line.url}/recovery`, way, BACK);
        const other = await connect(`${server.url}/recovery`, "websocket");
        await ask(client, "join", "room");
        await ask(client, "remember", 7);
        const { id } = client;
        const seen = ticks(client);
        assert.equal(client.recovered, false);

        for (let round = 1; round <= 3; round++) {
          // Until the client polls again: there is nothing to cut between two polls.
          await pause(50);
          const lost = once(client, "disconnect");
          const back = once(client, "connect");
          if (how === "a cut") line.cut();
          else client.io.engine.close();
          await lost;
          const file = once(client, "file");
          await ask(other, "stream", 5, 1);
          await ask(other, "attached");
          await back;
          assert.equal(client.recovered, true, `round ${round}`);
          assert.equal(client.id, id);
          assert.deepEqual(await ask(client, "recovered"), [true]);
          assert.deepEqual(await ask(client, "rooms"), [["room"]]);
          assert.deepEqual(await ask(client, "remembered"), [{ value: 7 }]);
          assert.deepEqual([...(await file)[0]], [1, 2, 3]);
          await ask(other, "stream", 1, 1);
          await ask(client, "echo");
          const expected = Array.from({ length: round }, () => [0, 1, 2, 3, 4, 0]).flat();
          assert.deepEqual(seen, expected);
          if (way === "upgrade") await upgraded(client);
        }
        line.close();
        await server.stop();
      });
    }

    it("has data that other sockets of the server see", async () => {
      const server = await fixture(RECOVERY);
      const [client, other] = [
        await connect(`${server.url}/recovery`, way, BACK),
        await connect(`${server.url}/recovery`, "websocket"),
      ];
      await ask(client, "remember", { name: "Ada" });
      const [seen] = await ask(other, "all remember");
      assert.deepEqual(seen.filter(Boolean), [{ value: { name: "Ada" } }]);
      await server.stop();
    });

    it("passes the middleware again, unless that is skipped", async () => {
      for (const [recovery, refusals] of [
        ["recovery", 1],
        ["recovery-without-middleware", 0],
      ]) {
        const server = await fixture({ ...RECOVERY, recovery: 60_000, [recovery]: 60_000 });
        const auth = { token: "secret" };
        const client = await connect(`${server.url}/guarded`, way, { ...BACK, auth });
        const { id } = client;
        auth.token = "wrong";
        let refused = 0;
        client.on("connect_error", () => {
          refused++;
          auth.token = "secret";
          client.connect();
        });
        const back = once(client, "connect");
        client.io.engine.close();
        await back;
        assert.deepEqual([refused, client.recovered, client.id], [refusals, true, id], recovery);
        await server.stop();
      }
    });

    it("is another socket after its time", async () => {
      const server = await fixture({ ...RECOVERY, recovery: 50 });
      const client = await connect(`${server.url}/recovery`, way, BACK);
      const { id } = client;
      const back = once(client, "connect");
      client.io.engine.close();
      await back;
      assert.equal(client.recovered, false);
      assert.notEqual(client.id, id);
      // The offset that the client keeps from the old session does not disturb the new one.
      const [tick] = await Promise.all([once(client, "tick"), ask(client, "stream", 1, 1)]);
      assert.equal(tick[0], 0);
      await server.stop();
    });
  });
}

describe("many that come back", () => {
  afterEach(closeAll);

  it(`${CLIENTS} sockets lose ${DROPS} connections each under 200 broadcasts a second`, { timeout: 600_000 }, async () => {
    const server = await fixture({ ...RECOVERY, "ping-interval": 25_000, "ping-timeout": 20_000 });
    const fast = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 400 };
    const clients = [];
    for (let at = 0; at < CLIENTS; at++) {
      // Most over WebSocket; one in ten polls.
      const way = at % 10 === 9 ? "polling" : "websocket";
      clients.push(await connect(`${server.url}/recovery`, way, { ...fast, timeout: 60_000 }));
    }
    const seen = clients.map(ticks);
    let recovered = 0;
    let others = 0;
    for (const client of clients) {
      client.on("connect", () => (client.recovered ? recovered++ : others++));
    }
    const leader = await connect(`${server.url}/recovery`, "websocket");
    const seconds = Math.max(4, DROPS * (CLIENTS > 100 ? 4 : 0.8));
    const count = Math.round(seconds * 200);
    const all = new Promise((resolve) => leader.emit("stream", count, 5, resolve));
    const dropping = clients.map(async (client, at) => {
      for (let drop = 0; drop < DROPS; drop++) {
        await pause(200 + ((at * 7919 + drop * 104_729) % (seconds > 10 ? 2_500 : 400)));
        const back = new Promise((resolve) => client.once("connect", resolve));
        if (drop % 2) client.io.engine.close();
        else client.io.engine.transport.ws?._socket?.resetAndDestroy?.() ?? client.io.engine.close();
        await within(`client ${at} to come back`, back, 120_000);
      }
    });
    await Promise.all(dropping);
    await within("the end of the broadcasts", all, 300_000);
    const complete = () => seen.every((numbers) => numbers.at(-1) === count - 1);
    await within("the last broadcast", until(complete), 60_000);
    let gaps = 0;
    let duplicates = 0;
    for (const numbers of seen) {
      for (let at = 1; at < numbers.length; at++) {
        if (numbers[at] > numbers[at - 1] + 1) gaps++;
        if (numbers[at] <= numbers[at - 1]) duplicates++;
      }
      if (numbers[0] !== 0) gaps++;
    }
    const total = CLIENTS * DROPS;
    console.log(`${total} drops: ${recovered} recovered, ${others} not, ${gaps} gaps, ${duplicates} duplicates`);
    assert.equal(recovered + others, total);
    assert.ok(recovered >= total * 0.99, `${recovered} of ${total}`);
    // A client that is not recovered knows it, and may miss something.
    assert.ok(gaps <= others && duplicates === 0, `${gaps} gaps, ${duplicates} duplicates`);
    const [counted] = await ask(leader, "recoveries");
    assert.equal(counted[0], recovered);
    await server.stop();
  });
});
