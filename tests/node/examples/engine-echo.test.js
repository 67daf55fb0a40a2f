// examples/engine-echo: Engine.IO alone, and its official client.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { Socket } from "engine.io-client";

import { WAYS, many, once } from "../support/client.js";
import { example } from "../support/server.js";

describe("Engine.IO without Socket.IO", () => {
  let server;
  before(async () => {
    server = await example("engine-echo");
  });
  after(() => server?.stop());

  for (const [way, options] of Object.entries(WAYS)) {
    it(`sends every message back, over ${way}`, async () => {
      const client = new Socket(server.url, options);
      try {
        await once(client, "open");
        if (way === "upgrade") await once(client, "upgrade");
        const echoes = many(client, "message", 3);
        client.send("one");
        client.send("two");
        client.send(Buffer.from([1, 2, 3]));
        const [[one], [two], [three]] = await echoes;
        assert.deepEqual([one, two, [...three]], ["one", "two", [1, 2, 3]]);
      } finally {
        client.close();
      }
    });
  }
});
