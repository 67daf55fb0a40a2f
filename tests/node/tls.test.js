// The official client over https and wss, with a certificate that it is told to trust.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";

import { io } from "socket.io-client";

import { ask, closeAll, connect } from "./support/client.js";
import { fixture } from "./support/server.js";

describe("over TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "koio-tls-"));
  let server;
  let ca;
  before(async () => {
    server = await fixture({}, { KOIO_FIXTURE_TLS: folder });
    ca = readFileSync(join(folder, "cert.pem"));
  });
  after(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true });
  });
  afterEach(closeAll);

  const bytes = Buffer.from([0, 1, 254, 255]);
  for (const way of ["polling", "websocket", "upgrade"]) {
    it(`works by ${way}`, async () => {
      assert.match(server.url, /^https:/);
      const client = await connect(server.url, way, { ca });
      assert.deepEqual(await ask(client, "echo", "é", { deep: [bytes] }), ["é", { deep: [bytes] }]);
      const large = Buffer.alloc(700_000, 7);
      assert.deepEqual(await ask(client, "echo", large), [large]);
      assert.equal(client.io.engine.transport.name, way === "polling" ? way : "websocket");
    });
  }

  it("is not trusted without the certificate", async () => {
    const client = io(server.url, { reconnection: false, forceNew: true });
    const error = await new Promise((resolve) => client.once("connect_error", resolve));
    assert.ok(error);
    client.close();
  });
});
