// What a server is set up with, as the official client sees it: its path, its transports, its cookie and headers.
import assert from "node:assert/strict";
import { once as emitted } from "node:events";
import { afterEach, describe, it } from "node:test";

import { WAYS, ask, closeAll, connect, once, socket } from "./support/client.js";
import { fixture } from "./support/server.js";
import { within } from "./support/within.js";

/** Runs a test with a server of these options. */
async function served(options, test) {
  const server = await fixture(options);
  try {
    await test(server);
  } finally {
    closeAll();
    await server.stop();
  }
}

/** What a client that can't connect is told. */
async function refused(url, way, options) {
  const client = socket(url, way, options);
  const [error] = await once(client, "connect_error");
  client.disconnect();
  return error;
}

describe("a server elsewhere", () => {
  afterEach(closeAll);

  it("is found by its path, and by no other", async () => {
    await served({ elsewhere: 1 }, async ({ url }) => {
      for (const way of Object.keys(WAYS)) {
        for (const path of ["/elsewhere/live", "/elsewhere/live/"]) {
          const client = await connect(url, way, { path });
          assert.deepEqual(await ask(client, "echo", way), [way]);
        }
      }
      for (const path of ["/socket.io", "/elsewhere", "/elsewhere/livestock"]) {
        assert.ok(await refused(url, "polling", { path }), path);
      }
    });
  });

  it("has WebSocket alone where polling is switched off", async () => {
    await served({ "only-websocket": 1 }, async ({ url }) => {
      const client = await connect(url, "websocket");
      assert.deepEqual(await ask(client, "echo", 1), [1]);
      assert.ok(await refused(url, "polling"));
      const all = await connect(url, "websocket", { transports: ["polling", "websocket"], tryAllTransports: true });
      assert.equal(all.io.engine.transport.name, "websocket");
    });
  });

  it("has polling alone where WebSocket is switched off, and offers no upgrade", async () => {
    await served({ "only-polling": 1 }, async ({ url }) => {
      const client = await connect(url, "polling", { transports: ["polling", "websocket"] });
      assert.deepEqual(await ask(client, "echo", 1), [1]);
      assert.equal(client.io.engine.transport.name, "polling");
      assert.ok(await refused(url, "websocket"));
    });
  });

  it("gives its client a cookie with the id of its session", async () => {
    await served({ cookie: 1 }, async ({ url }) => {
      const client = await connect(url, "polling", { withCredentials: true });
      const { id } = client.io.engine;
      const stored = [...client.io.engine._cookieJar.cookies].map(([name, { value }]) => [name, value]);
      assert.deepEqual(stored, [["koio-node", id]]);
    });
  });

  it("adds its headers to the answer of the handshake, of each transport", async () => {
    await served({ "initial-headers": 1 }, async ({ url }) => {
      const polled = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
      assert.equal(polled.headers.get("x-served-by"), "the fixture");
      const client = socket(url, "websocket");
      const upgrade = within("the 101", emitted(client.io.engine.transport.ws, "upgrade"));
      const [response] = await upgrade;
      assert.equal(response.headers["x-served-by"], "the fixture");
    });
  });

  it("makes a namespace of a pattern with its first client, and ends it with its last", async () => {
    await served({}, async (server) => {
      const first = await connect(`${server.url}/room/7`, "websocket");
      await server.said(/^created \/room\/7$/);
      const second = await connect(`${server.url}/room/7`, "polling");
      assert.equal(server.lines.filter((line) => line === "created /room/7").length, 1);
      first.disconnect();
      second.disconnect();
      await server.said(/^removed \/room\/7$/);
    });
  });
});
