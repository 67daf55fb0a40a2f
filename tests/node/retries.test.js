// A client that sends again what is not answered (`retries`, `ackTimeout`), and events that are handled once all the same.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";

import { WAYS, ask, closeAll, connect, once } from "./support/client.js";
import { proxy } from "./support/proxy.js";
import { fixture } from "./support/server.js";
import { until } from "./support/within.js";

const RETRIES = { retries: 3, ackTimeout: 400 };
const BACK = { reconnection: true, reconnectionDelay: 300, reconnectionDelayMax: 400 };

let orders = 0;
const fresh = (takes) => ({ id: `order ${orders++}`, takes });

for (const way of Object.keys(WAYS)) {
  describe(`a client that retries, over ${way}`, () => {
    let server;
    before(async () => (server = await fixture()));
    after(() => server.stop());
    afterEach(closeAll);

    it("sends one more event with each try, which no answer of the others helps", async () => {
      const client = await connect(server.url, way, RETRIES);
      const order = fresh(900);
      await assert.rejects(client.emitWithAck("order again", order), /timed out/);
      assert.equal(await client.emitWithAck("handled", order.id), 4);
    });

    it("has its event handled once by its key, and gets the answer of the first try", async () => {
      const client = await connect(server.url, way, RETRIES);
      const order = fresh(900);
      assert.equal(await client.emitWithAck("order", order), 1);
      assert.equal(await client.emitWithAck("order", order), 1);
      assert.equal(await client.emitWithAck("handled", order.id), 1);
    });

    it("gets a binary answer again", async () => {
      const client = await connect(server.url, way, RETRIES);
      const order = fresh(500);
      for (let round = 0; round < 2; round++) {
        assert.deepEqual([...(await client.emitWithAck("order a file", order))], [7, 1]);
      }
    });

    it("sends its events in order, one at a time, each handled once", async () => {
      const client = await connect(server.url, way, RETRIES);
      const all = [fresh(500), fresh(0), fresh(500), fresh(0)];
      const answers = await Promise.all(all.map((order) => client.emitWithAck("order", order)));
      assert.deepEqual(answers, [1, 1, 1, 1]);
      for (const order of all) assert.equal(await client.emitWithAck("handled", order.id), 1);
    });
  });

  for (const [recovery, times] of [[60_000, 1], [0, 2]]) {
    const which = recovery ? "with recovery" : "without recovery";
    it(`handles an event ${times === 1 ? "once" : "again"} whose answer is lost with the connection, ${which}, over ${way}`, async () => {
      const server = await fixture(recovery ? { recovery } : {});
      const line = await proxy(server.port);
      const client = await connect(`${line.url}/recovery`, way, { ...BACK, ...RETRIES, ackTimeout: 5_000 });
      const other = await connect(`${server.url}/recovery`, "websocket");
      const order = fresh(100);
      const answered = client.emitWithAck("order", order);
      const handled = async (count) => (await ask(other, "handled", order.id))[0] === count;
      await until(() => handled(1));
      const back = once(client, "connect");
      line.cut();
      await back;
      assert.equal(client.recovered === true, recovery > 0);
      assert.equal(await answered, times);
      assert.equal(await handled(times), true);
      closeAll();
      line.close();
      await server.stop();
    });
  }
}

it("handles an event once whose answers are lost on the wire", async () => {
  const server = await fixture();
  const line = await proxy(server.port);
  const client = await connect(line.url, "websocket", RETRIES);
  const other = await connect(server.url, "websocket");
  const order = fresh(0);
  line.mute(true);
  const answered = client.emitWithAck("order", order);
  await until(async () => (await ask(other, "handled", order.id))[0] === 1);
  // Until its second try, at the least.
  await new Promise((resolve) => setTimeout(resolve, 600));
  line.mute(false);
  assert.equal(await answered, 1);
  assert.deepEqual(await ask(other, "handled", order.id), [1]);
  closeAll();
  line.close();
  await server.stop();
});
