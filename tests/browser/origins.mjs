// What a page of another origin gets from koio, allowed or not, in whichever browser.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { binaries, officialClient, startServer } from "./chat-server.mjs";

/** A page with the official client, of an origin of its own. */
async function startPage() {
  const script = await readFile(join(officialClient, "socket.io.js"));
  const server = createServer((request, response) => {
    const isScript = request.url === "/client.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : "<!doctype html><link rel=icon href=data:,><script src=/client.js></script>");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  return { port, url: `http://127.0.0.1:${port}/`, close: () => { server.closeAllConnections(); server.close(); } };
}

/** In the page: connects, sends text and bytes, and tells what came back over what; or why nothing did. */
async function attempt([url, options]) {
  const socket = window.io(url, { reconnection: false, forceNew: true, ...options });
  const event = (emitter, name) => new Promise((resolve) => emitter.once(name, resolve));
  const refused = await Promise.race([event(socket, "connect"), event(socket, "connect_error")]);
  if (refused) return refused.message;
  const { engine } = socket.io;
  if (!options.transports && engine.transport.name === "polling") await event(engine, "upgrade");
  const { word, bytes } = await socket.timeout(10_000).emitWithAck("echo", { word: "hello", bytes: new Uint8Array([1, 2, 3]) });
  const over = engine.transport.name;
  socket.disconnect();
  return `${word} ${new Uint8Array(bytes)} over ${over}`;
}

/** In the page: asks for a session with a header of its own, and reads one of the answer. */
async function handshakeWith([url, headers]) {
  const answer = await fetch(`${url}/socket.io/?EIO=4&transport=polling`, { headers, credentials: "include" }).catch(() => null);
  return answer && [answer.status, answer.headers.get("x-served-by")];
}

/** `open` answers a page: `goto(url)` and `evaluate(function, argument)`; and what closes it. */
export function keepsOrigins(open) {
  let page, close, server, allowed, other;
  before(async () => {
    [allowed, other] = [await startPage(), await startPage()];
    server = await startServer(join(binaries, "koio-fixture"), {}, [], ["--allow-port", String(allowed.port)]);
    ({ page, close } = await open());
  });
  after(async () => {
    await close?.();
    await server?.stop();
    for (const one of [allowed, other]) one?.close();
  });

  const ways = [{}, { transports: ["polling"] }, { transports: ["websocket"] }];

  test("a page of an origin that is allowed connects over each transport, with and without its cookies", async () => {
    await page.goto(allowed.url);
    for (const way of ways) {
      for (const withCredentials of [false, true]) {
        const told = await page.evaluate(attempt, [server.url, { ...way, withCredentials }]);
        assert.equal(told, `hello 1,2,3 over ${way.transports ?? "websocket"}`);
      }
    }
  });

  test("a page sends headers of its own if they are allowed, and reads those that are exposed", async () => {
    const flags = ["--allow-port", String(allowed.port), "--cors", "1"];
    const strict = await startServer(join(binaries, "koio-fixture"), {}, [], flags);
    try {
      await page.goto(allowed.url);
      for (const withCredentials of [false, true]) {
        const options = { transports: ["polling"], withCredentials };
        const told = (name) => page.evaluate(attempt, [strict.url, { ...options, extraHeaders: { [name]: "1" } }]);
        assert.equal(await told("x-api-key"), "hello 1,2,3 over polling");
        assert.equal(await told("x-other"), "xhr poll error");
      }
      assert.deepEqual(await page.evaluate(handshakeWith, [strict.url, { "x-api-key": "1" }]), [200, "the fixture"]);
      // Without a list each header is allowed, and none is exposed.
      assert.deepEqual(await page.evaluate(handshakeWith, [server.url, { "x-other": "1" }]), [200, null]);
    } finally {
      await strict.stop();
    }
  });

  test("a page of another origin is refused over each transport", async () => {
    await page.goto(other.url);
    for (const way of ways) {
      for (const withCredentials of [false, true]) {
        const told = await page.evaluate(attempt, [server.url, { ...way, withCredentials }]);
        assert.equal(told, String(way.transports) === "websocket" ? "websocket error" : "xhr poll error");
      }
    }
  });
}
