// A page and a server that compresses: Chromium offers permessage-deflate by itself, and is the other side of it.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";
import { proxy } from "../node/support/proxy.js";
import { fixture } from "../node/support/server.js";
import { launch } from "./browser.mjs";
import { officialClient } from "./chat-server.mjs";

/** Text of about 70 bytes an entry, no two of which are the same. */
function mixed(entries) {
  const entry = (number) => {
    const hash = (number * 2_654_435_761) % 1_000_003;
    return { number, hash: hash.toString(36), text: `é ${hash % 97} of ${hash}`, even: hash % 2 === 0 };
  };
  return JSON.stringify(Array.from({ length: entries }, (_, number) => entry(number)));
}

let home, server, line, browser, page, speaker;
const answers = [];
before(async () => {
  home = createServer(async (request, response) => {
    const isClient = request.url === "/client.mjs";
    response.setHeader("content-type", isClient ? "text/javascript" : "text/html");
    response.end(isClient ? await readFile(join(officialClient, "socket.io.esm.min.js")) : "<!doctype html><link rel=icon href=data:,>");
  }).listen(0, "127.0.0.1");
  await once(home, "listening");
  const { port } = home.address();
  server = await fixture({ "allow-port": port, "per-message-deflate": 1024 });
  line = await proxy(server.port);
  browser = await launch();
  page = await browser.newPage();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  devtools.on("Network.webSocketHandshakeResponseReceived", ({ response }) => answers.push(response));
  await page.goto(`http://127.0.0.1:${port}/`);
  speaker = io(server.url, { transports: ["websocket"] });
  await once(speaker, "connect");
});
after(async () => {
  speaker?.disconnect();
  await browser?.close();
  line?.close();
  home?.closeAllConnections();
  home?.close();
  await server?.stop();
});

/** In the page: connects, over these transports. */
async function connect([url, transports]) {
  const { io } = await import("/client.mjs");
  window.heard = [];
  window.socket = io(url, { transports, forceNew: true });
  window.socket.on("message", (text) => window.heard.push(text));
  const { socket } = window;
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("connect_error", reject));
  const { engine } = socket.io;
  if (engine.transport.name !== "websocket") await new Promise((resolve) => engine.once("upgrade", resolve));
  return engine.transport.ws.extensions;
}

for (const transports of [["websocket"], ["polling", "websocket"]]) {
  test(`what a page and a server say to each other is compressed, over ${transports}`, async () => {
    answers.length = 0;
    const extensions = await page.evaluate(connect, [line.url, transports]);
    const agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert.equal(extensions, agreed);
    const [{ headers, requestHeaders }] = answers;
    const named = (all) => Object.entries(all).find(([name]) => name.toLowerCase() === "sec-websocket-extensions")?.[1];
    assert.equal(named(headers), agreed);
    if (requestHeaders) assert.match(named(requestHeaders), /permessage-deflate/);

    const [large, small] = [mixed(5_000), "small"];
    const before = line.sent();
    for (const text of [large, small, large]) await speaker.emitWithAck("tell", {}, text);
    await page.waitForFunction(() => window.heard.length === 3, null, { timeout: 20_000 });
    const sent = line.sent() - before;
    assert.deepEqual(await page.evaluate(() => window.heard), [large, small, large]);
    assert.ok(sent < 1.2 * large.length, `${sent} of ${2 * large.length} bytes`);

    const answered = await page.evaluate(async (text) => {
      const bytes = new TextEncoder().encode(text);
      const [back, , file] = await new Promise((resolve) => window.socket.emit("echo", text, 1, bytes, (...all) => resolve(all)));
      return { back, file: new TextDecoder().decode(file) };
    }, large);
    assert.deepEqual(answered, { back: large, file: large });
    await page.evaluate(() => window.socket.disconnect());
  });
}
