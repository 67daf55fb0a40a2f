// examples/cluster: two nodes of one cluster.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";

import { WAYS, ask, closeAll, connect, once } from "../support/client.js";
import { startRedis } from "../../cluster/support/redis.js";
import { runHead } from "../support/head.js";
import { start } from "../support/server.js";
import { until } from "../support/within.js";

const LISTENS = /^listening on (http:.*)$/;

/** Both nodes in one process. */
async function inOneProcess() {
  const started = await start("cluster", [], LISTENS, { PORT: "0" });
  const addresses = () => started.lines.flatMap((line) => LISTENS.exec(line)?.[1] ?? []);
  await until(async () => addresses().length === 2);
  const [url, next] = addresses();
  return { url, next, stop: async (signal) => [await started.stop(signal)] };
}

/** A process for each, and a Redis. */
async function onOneRedis() {
  const redis = await startRedis();
  const node = (name) => start("cluster", ["0", name], LISTENS, { REDIS_URL: redis.url });
  const nodes = [await node("one"), await node("two")];
  const [url, next] = nodes.map(({ match }) => match[1]);
  const stop = async (signal) => {
    const ends = await Promise.all(nodes.map((node) => node.stop(signal)));
    await redis.stop();
    return ends;
  };
  return { url, next, stop };
}

for (const [where, begin] of Object.entries({ "in one process": inOneProcess, "on one Redis": onOneRedis })) {
  describe(`two nodes ${where}`, () => {
    let server;
    before(async () => { server = await begin(); });
    after(() => server?.stop());
    afterEach(closeAll);

    it("does what its head comment says", async () => {
      assert.deepEqual(await runHead("cluster", server, 4), [
        ["one", "to all"],
        ["one", "to the room"],
        ["tea? yes"],
        [[{ name: "ben", node: "two" }]],
      ]);
    });

    for (const way of Object.keys(WAYS)) {
      it(`reaches the clients of both, over ${way}`, async () => {
        const ann = await connect(server.url, way, { auth: { name: "ann" } });
        const ben = await connect(server.next, way, { auth: { name: "ben" } });
        for (const [from, node] of [[ann, "one"], [ben, "two"]]) {
          const heard = [ann, ben].map((client) => once(client, "said"));
          await ask(from, "say", "hi");
          for (const said of await Promise.all(heard)) assert.deepEqual(said, [node, "hi"]);
        }
        for (const client of [ann, ben]) await ask(client, "join", way);
        const [members] = await ask(ann, "who", way);
        assert.deepEqual(members.map(({ name }) => name).sort(), ["ann", "ben"]);
      });
    }

    it("ends when a service manager asks it to", async () => {
      const clients = [server.url, server.next].map((url) => connect(url, "websocket", { auth: { name: "ann" } }));
      const gone = (await Promise.all(clients)).map((client) => once(client, "disconnect"));
      for (const end of await server.stop("SIGTERM")) assert.deepEqual(end, [0, null]);
      server = null;
      await Promise.all(gone);
    });
  });
}
