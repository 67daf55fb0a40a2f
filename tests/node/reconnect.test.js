// Servers that stop, and clients that come back.
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";

import { ALL_WAYS, ask, closeAll, connect, once, socket } from "./support/client.js";
import { fixture } from "./support/server.js";

const FAST = { reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 50 };

for (const way of Object.keys(ALL_WAYS)) {
  describe(`reconnecting, over ${way}`, () => {
    afterEach(closeAll);

    it("finds a server again that was killed and came back", async () => {
      const first = await fixture();
      const client = await connect(first.url, way, FAST);
      const { id } = client;
      const gone = once(client, "disconnect");
      await first.stop("SIGKILL");
      const [reason] = await gone;
      assert.ok(["transport close", "transport error"].includes(reason), reason);
      const back = once(client, "connect");
      client.emit("bounce", "said while away");
      const bounced = once(client, "bounced");
      const second = await fixture({ port: first.port });
      await back;
      assert.notEqual(client.id, id);
      assert.deepEqual(await bounced, ["said while away"]);
      assert.deepEqual(await ask(client, "echo", 1), [1]);
      await second.stop();
    });

    it("drains on a signal: clients are told, and the process ends cleanly", async () => {
      const server = await fixture();
      const client = await connect(server.url, way, FAST);
      const gone = once(client, "disconnect");
      const ended = server.stop("SIGINT");
      const [reason] = await gone;
      // Not `io server disconnect`: a client that was not kicked comes back.
      assert.ok(["transport close", "transport error"].includes(reason), reason);
      assert.deepEqual(await ended, [0, null]);
    });

    it("ends cleanly while clients are connecting and upgrading", async () => {
      const server = await fixture();
      const clients = Array.from({ length: 10 }, () => socket(server.url, way));
      await once(clients[0], "connect");
      assert.deepEqual(await server.stop("SIGTERM"), [0, null]);
    });

    it("survives a client that disconnects and connects again many times", async () => {
      const server = await fixture();
      const client = await connect(server.url, way);
      const ids = new Set([client.id]);
      for (let n = 0; n < 20; n++) {
        client.disconnect();
        client.connect();
        await once(client, "connect");
        ids.add(client.id);
        assert.deepEqual(await ask(client, "echo", n), [n]);
      }
      assert.equal(ids.size, 21);
      await server.stop();
    });
  });
}
