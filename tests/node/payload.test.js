// Payloads of several megabytes, and the limit.
import assert from "node:assert/strict";
import { it } from "node:test";

import { ask, once, settled } from "./support/client.js";
import { overEachWay } from "./support/suite.js";

overEachWay(
  "big payloads",
  ({ connect }) => {
    it("pass there and back three times, as text and as bytes", async () => {
      const client = await connect();
      const text = "€ß ".repeat(500_000);
      const bytes = Buffer.alloc(3_000_000, 0xa5);
      for (let n = 0; n < 3; n++) {
        const [textBack, bytesBack] = await ask(client, "echo", text, bytes);
        assert.equal(textBack === text, true, "the text changed");
        assert.equal(bytes.equals(bytesBack), true, "the bytes changed");
      }
    });
  },
  // Bytes grow by a third as base64, and what goes out to one client is bounded, too.
  { "max-payload": 10_000_000, "max-queue": 32_000_000 },
);

overEachWay("the limit of a payload", ({ connect, url, way }) => {
  it("lets through what fits into it", async () => {
    const client = await connect();
    const text = "x".repeat(900_000);
    assert.deepEqual(await ask(client, "length", text), [900_000]);
    assert.deepEqual(await ask(client, "echo", Buffer.alloc(700_000, 1)), [Buffer.alloc(700_000, 1)]);
  });

  it("ends the connection that exceeds it, and no other", async () => {
    const [client, other] = [await connect(), await connect()];
    const gone = once(client, "disconnect");
    client.emit("length", "x".repeat(1_100_000));
    const [reason] = await gone;
    assert.ok(["transport close", "transport error"].includes(reason), `${way} ${url()}: ${reason}`);
    await settled(other);
  });
});
