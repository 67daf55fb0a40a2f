// Servers that leave, and a Redis that dies, while somebody waits for their answers.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { until, within } from "../node/support/within.js";
import { closeAll, connected, got } from "./support/clients.js";
import { nodeProcess } from "./support/processes.js";
import { startRedis } from "./support/redis.js";
import { koioServer, nodeServer } from "./support/servers.js";

const TIMEOUT = 500;

/** How the one that leaves stands still before, so that it is asked and does not answer; and how it leaves. */
const KILLED = {
  name: "is killed",
  stand: { node: (server) => server.signal("SIGSTOP"), koio: ({ process }) => process.signal("SIGSTOP") },
  leave: { node: (server) => server.kill(), koio: (server) => server.stop("SIGKILL") },
};
const CLOSED = {
  name: "is closed",
  stand: { node: (server) => server.call("hang"), koio: () => {} },
  leave: { node: (server) => server.call("stop"), koio: (server) => server.stop() },
};

/** What a request came to, whichever server asked, and whether the time for it was used up. */
async function outcome(asking) {
  const started = performance.now();
  const result = await asking.catch(({ message }) => ({ error: message }));
  return { ...result, waited: performance.now() - started > TIMEOUT - 50 };
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
// What koio calls a server that has no name.
const SERVER = "a server of another kind";
const NODES_ERROR = "timeout reached while waiting for fetchSockets response";
const YES = ["yes", "yes", "yes"];

describe("a server leaves in the middle of a request", () => {
  let redis, koio, another, node, leaver;
  before(async () => {
    redis = await startRedis();
    [koio, another] = await Promise.all([koioServer(redis.url), koioServer(redis.url)]);
    node = await nodeServer(redis.url, { requestsTimeout: TIMEOUT });
    node.io.on("kind", (answer) => answer("node"));
    await node.counted(3);
  });
  after(async () => {
    await Promise.all([koio, another, node].map((server) => server?.stop()));
    await redis?.stop();
  });
  afterEach(async () => {
    closeAll();
    await leaver.kill?.();
  });

  const asks = {
    koio: {
      fetch: () => koio.call("fetch", { timeout: TIMEOUT }),
      ask: () => koio.call("ask", { timeout: TIMEOUT }, "q", 1),
      event: () => koio.call("server ask", { timeout: TIMEOUT }, "kind"),
    },
    node: {
      fetch: async () => ({ sockets: await node.fetch({}) }),
      ask: () => node.ask({ timeout: TIMEOUT }, "q", 1),
      event: async () => ({ values: await node.io.serverSideEmitWithAck("kind") }),
    },
  };

  // The servers that stay answer.
  for (const [asking, what, leaving, how, expected] of [
    ["koio", "fetch", "node", KILLED, { sockets: 3, missing: [SERVER], waited: true }],
    ["koio", "fetch", "node", CLOSED, { sockets: 3, missing: [SERVER], waited: true }],
    ["koio", "ask", "node", KILLED, { values: YES, failed: 0, missing: [SERVER], waited: true }],
    // It has said that it asks one client, and what it does not say is that this one is gone.
    ["koio", "ask", "node", CLOSED, { values: YES, failed: 1, missing: [], waited: true }],
    ["koio", "event", "node", KILLED, { values: ["koio", "node"], missing: [SERVER], waited: true }],
    ["koio", "ask", "koio", CLOSED, { values: YES, failed: 1, missing: [], waited: false }],
    ["node", "ask", "koio", CLOSED, { values: YES, failed: true, waited: true }],
    ["node", "fetch", "koio", KILLED, { error: NODES_ERROR, waited: true }],
    ["node", "event", "koio", KILLED, { error: "timeout reached: only 2 responses received out of 3", waited: true }],
    ["node", "ask", "koio", KILLED, { values: YES, failed: true, waited: true }],
    ["koio", "fetch", "koio", KILLED, { sockets: 3, missing: ["its name"], waited: true }],
  ]) {
    test(`one of ${leaving} ${how.name} while one of ${asking} waits: ${what}`, async () => {
      leaver = await { koio: koioServer, node: nodeProcess }[leaving](redis.url);
      await node.counted(4);
      const clients = await Promise.all([koio, another, node].map((server) => connected(server)));
      for (const client of clients) client.answer = "yes";
      const late = await connected(leaver);
      await within("four clients", until(async () => (await asks[asking].fetch()).sockets.length === 4));

      await how.stand[leaving](leaver);
      const asked = outcome(asks[asking][what]());
      if (what === "ask" && how === CLOSED) await got("q", late);
      else await pause(100);
      await how.leave[leaving](leaver);
      const { sockets, missing, ...result } = await asked;
      if (sockets) result.sockets = sockets.length;
      // Its peers still wait for those of koio that were killed before.
      if (missing) result.missing = [...new Set(missing.map((name) => (name === SERVER ? name : "its name")))];
      result.values?.sort();
      assert.deepEqual(result, expected);
    });
  }
});

describe("Redis dies in the middle of a request", () => {
  test("who waits has the answers that came, and all are one cluster again with the next Redis", async () => {
    let redis = await startRedis();
    const [koio, another] = await Promise.all([koioServer(redis.url), koioServer(redis.url)]);
    const [node, silent] = await Promise.all([
      nodeServer(redis.url, { requestsTimeout: TIMEOUT }),
      nodeProcess(redis.url),
    ]);
    await node.counted(4);
    const clients = await Promise.all([koio, another, node].map((server) => connected(server)));
    for (const client of clients) client.answer = "yes";
    await within("three clients", until(async () => (await koio.fetch({})).length === 3));
    silent.signal("SIGSTOP");
    const asked = [
      outcome(koio.call("fetch", { timeout: TIMEOUT })),
      outcome(another.call("ask", { timeout: TIMEOUT }, "q", 1)),
      outcome(node.fetch({})),
    ];
    await pause(100);
    await redis.stop("SIGKILL");
    const [fetched, answered, ofNode] = await Promise.all(asked);
    assert.deepEqual([fetched.sockets.length, fetched.missing, fetched.waited], [3, [SERVER], true]);
    assert.deepEqual(answered, { values: YES, failed: 0, missing: [SERVER], waited: true });
    assert.deepEqual(ofNode, { error: NODES_ERROR, waited: true });
    await silent.kill();

    // Without Redis each has its own, and waits for nobody.
    await within("it to notice", until(() => koio.call("alone")));
    const alone = await outcome(koio.call("fetch", { timeout: TIMEOUT }));
    assert.deepEqual([alone.sockets.length, alone.missing.length, alone.waited], [1, 2, false]);
    redis = await startRedis(redis.port);
    await node.counted(3);
    const whole = async () => (await koio.call("fetch", { timeout: 200 })).sockets.length === 3;
    await within("all to be found again", until(whole));
    assert.equal((await koio.call("fetch", {})).missing.length, 0);
    assert.equal((await node.fetch({})).length, 3);
    closeAll();
    await Promise.all([koio, another, node].map((server) => server.stop()));
    await redis.stop();
  });
});
