// Options of the official client that change what it sends.
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { it } from "node:test";

import { Fetch, NodeWebSocket, NodeXHR } from "engine.io-client";

import { ask, many, socket, upgraded, once } from "./support/client.js";
import { overEachWay } from "./support/suite.js";

const bytes = Buffer.from([0, 1, 254, 255]);

overEachWay("an option of the client", ({ connect, url, way }) => {
  const works = async (client) => {
    assert.deepEqual(await ask(client, "echo", "é", { deep: [bytes] }), ["é", { deep: [bytes] }]);
    const bounced = once(client, "bounced");
    client.emit("bounce", bytes, 1);
    assert.deepEqual(await bounced, [bytes, 1]);
  };

  it("forceBase64: binary as base64 over any transport", async () => {
    await works(await connect("", { forceBase64: true }));
  });

  it("timestampRequests with a name of its own", async () => {
    await works(await connect("", { timestampRequests: true, timestampParam: "ts" }));
  });

  it("closeOnBeforeunload, withCredentials, autoUnref, tryAllTransports, rememberUpgrade", async () => {
    const options = { closeOnBeforeunload: true, withCredentials: true, autoUnref: false };
    await works(await connect("", { ...options, tryAllTransports: true, rememberUpgrade: true }));
  });

  it("addTrailingSlash: false", async () => {
    await works(await connect("", { addTrailingSlash: false }));
  });

  it("an agent that keeps its connections, and one that does not", async () => {
    for (const keepAlive of [true, false]) {
      await works(await connect("", { agent: new Agent({ keepAlive }) }));
    }
  });

  it("protocols", async () => {
    await works(await connect("", { protocols: ["one", "two"] }));
  });

  it("perMessageDeflate, which the server declines by default", async () => {
    await works(await connect("", { perMessageDeflate: { threshold: 1 } }));
  });

  it("transports that are given as classes: fetch, XHR", async () => {
    const classes = {
      polling: [[Fetch], [NodeXHR]],
      websocket: [[NodeWebSocket]],
      upgrade: [[Fetch, NodeWebSocket], [NodeXHR, NodeWebSocket]],
    };
    for (const transports of classes[way] ?? []) {
      const client = socket(url(), way, { transports });
      await once(client, "connect");
      if (way === "upgrade") await upgraded(client);
      await works(client);
      client.disconnect();
    }
  });

  it("emits that are buffered before the connection, in order", async () => {
    const client = socket(url(), way, { autoConnect: false });
    const heard = many(client, "bounced", 20);
    for (let n = 0; n < 20; n++) client.emit("bounce", n);
    client.connect();
    assert.deepEqual((await heard).flat(), Array.from({ length: 20 }, (_, n) => n));
  });

  it("emits that are volatile or compressed", async () => {
    const client = await connect();
    const heard = once(client, "bounced");
    client.volatile.compress(false).emit("bounce", "light");
    client.compress(true).emit("bounce", "sure");
    assert.ok(["light", "sure"].includes((await heard)[0]));
  });
});

overEachWay(
  "httpCompression",
  ({ connect, url }) => {
    const words = "each answer has some of these words in it, ".repeat(500);

    it("compresses the answers to polls for a client that takes it, and for no other", async () => {
      const codings = [];
      /** Polls by fetch, which takes gzip, and notes what came. */
      class Noted extends Fetch {
        doPoll() {
          const { fetch } = globalThis;
          globalThis.fetch = async (...request) => {
            const answer = await fetch(...request);
            codings.push(answer.headers.get("content-encoding"));
            return answer;
          };
          super.doPoll();
          globalThis.fetch = fetch;
        }
      }
      const client = socket(url(), "polling", { transports: [Noted] });
      await once(client, "connect");
      assert.deepEqual(await ask(client, "echo", words, bytes), [words, bytes]);
      assert.ok(codings.includes("gzip"), codings.join());
      assert.ok(codings.includes(null), "short answers are as they were");
      const plain = await connect(); // XHR of Node's asks for nothing, and inflates nothing
      assert.deepEqual(await ask(plain, "echo", words, bytes), [words, bytes]);
    });
  },
  { "http-compression": 1_024 },
  ["polling"],
);
