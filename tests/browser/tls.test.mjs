// A page that was served over https connects by default options to koio's own TLS, in a real browser.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch } from "./browser.mjs";
import { officialClient } from "./chat-server.mjs";

const binaries = process.env.KOIO_BINARIES ?? fileURLToPath(new URL("../../target/debug", import.meta.url));

let browser, folder, server, url;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "koio-tls-"));
  server = spawn(join(binaries, "koio-fixture"), [], { env: { ...process.env, KOIO_FIXTURE_TLS: folder, KOIO_FIXTURE_CLIENT: join(officialClient, "socket.io.js") } });
  url = await new Promise((resolve, reject) => {
    createInterface(server.stderr).on("line", (line) => {
      const found = /^listening on (https:.*)$/.exec(line)?.[1];
      if (found) resolve(found);
    });
    server.once("exit", (code) => reject(new Error(`the fixture ended with ${code}`)));
  });
  // Not `ignoreHTTPSErrors`: that holds for requests and not for WebSockets.
  browser = await launch(["--ignore-certificate-errors"]);
});

after(async () => {
  await browser?.close();
  server?.kill("SIGKILL");
  if (server && server.exitCode === null) await once(server, "exit");
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
