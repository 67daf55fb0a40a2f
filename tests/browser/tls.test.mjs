// A page that was served over https connects by default options to koio's own TLS, in a real browser.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { binaries, officialClient, startServer } from "./chat-server.mjs";

let browser, folder, server, url;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "koio-tls-"));
  const env = { KOIO_FIXTURE_TLS: folder, KOIO_FIXTURE_CLIENT: officialClient };
  server = await startServer(join(binaries, "koio-fixture"), env);
  url = server.url;
  assert.match(url, /^https:/);
  // Not `ignoreHTTPSErrors`: that holds for requests and not for WebSockets.
  browser = await launch(["--ignore-certificate-errors"]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await rm(folder, { recursive: true });
});

for (const transports of [undefined, ["polling"], ["websocket"]]) {
  test(`a page of the same origin connects over TLS ${transports ? `by ${transports}` : "with default options"}`, async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${url}/`);
    const seen = await page.evaluate(async (transports) => {
      const socket = window.io(transports ? { transports } : {});
      await new Promise((resolve, reject) => {
        socket.once("connect", resolve);
        socket.once("connect_error", reject);
      });
      const echo = await socket.emitWithAck("echo", "hello");
      const engine = socket.io.engine;
      if (!transports && engine.transport.name !== "websocket") {
        await new Promise((resolve) => engine.once("upgrade", resolve));
      }
      return { echo, transport: engine.transport.name, origin: location.origin };
    }, transports);
    assert.deepEqual(seen, { echo: "hello", transport: transports?.[0] ?? "websocket", origin: url });
    await context.close();
  });
}
