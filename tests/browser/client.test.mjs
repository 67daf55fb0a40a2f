// The page's own client against a scripted server: what the chat alone would not make it do.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { WebSocketServer } from "ws";
import { launch, watchedPage } from "./browser.mjs";

const source = await readFile(new URL("../../examples/chat/page/client.js", import.meta.url));
const open = (pingInterval = 25_000, pingTimeout = 20_000) =>
  `0${JSON.stringify({ sid: "s", upgrades: [], pingInterval, pingTimeout, maxPayload: 1e6 })}`;

let browser, http, page, close, faults, connections;

before(async () => {
  browser = await launch();
  http = createServer((request, response) => {
    const isScript = request.url === "/client.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? source : '<!doctype html><link rel="icon" href="data:,">');
  });
  const sockets = new WebSocketServer({ server: http });
  sockets.on("connection", (socket, request) => connections.put(new Script(socket, request.url)));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
});

after(async () => {
  await browser?.close();
  http?.closeAllConnections();
  http?.close();
});

beforeEach(async () => {
  connections = new Queue();
  const expected = /WebSocket|unexpected packet|attachment|JSON/; // what some tests provoke
  ({ page, close, faults } = await watchedPage(browser, `http://127.0.0.1:${http.address().port}/`, { expected }));
  await page.evaluate(async () => {
    const { io } = await import("/client.js");
    window.heard = [];
    window.socket = io();
    for (const event of ["connect", "disconnect", "connect_error", "news"]) {
      socket.on(event, (...args) => heard.push([event, ...args.map((arg) => arg instanceof Error ? arg.message : arg)]));
    }
  });
});

afterEach(async () => {
  assert.deepEqual(faults, []);
  await close();
});

class Queue {
  #ready = []; #waiting = [];
  put(item) { const waiter = this.#waiting.shift(); if (waiter) waiter(item); else this.#ready.push(item); }
  async take() {
    if (this.#ready.length) return this.#ready.shift();
    return Promise.race([
      new Promise((resolve) => this.#waiting.push(resolve)),
      new Promise((_, reject) => setTimeout(reject, 8_000, new Error("nothing came")).unref()),
    ]);
  }
}

/** One connection, as the test plays the server of it. */
class Script {
  #frames = new Queue();
  constructor(socket, url) {
    this.socket = socket;
    this.url = url;
    this.closed = once(socket, "close");
    socket.on("message", (data, isBinary) => this.#frames.put(isBinary ? data : data.toString()));
  }
  send(...frames) { for (const frame of frames) this.socket.send(frame); }
  next() { return this.#frames.take(); }
  async welcome(...timing) {
    this.send(open(...timing));
    assert.equal(await this.next(), "40{}");
    this.send('40{"sid":"public-id"}');
    await heard("connect");
    return this;
  }
}

const connected = async (...timing) => (await connections.take()).welcome(...timing);

/** Waits for the last thing that the client said to its listeners. */
async function heard(event) {
  await page.waitForFunction((event) => window.heard.some(([one]) => one === event), event);
  return page.evaluate((event) => {
    const at = window.heard.findIndex(([one]) => one === event);
    return window.heard.splice(at, 1)[0].slice(1);
  }, event);
}

test("it opens, connects, and answers pings", async () => {
  const server = await connected();
  assert.equal(server.url, "/socket.io/?EIO=4&transport=websocket");
  assert.equal(await page.evaluate(() => socket.connected && socket.id), "public-id");
  server.send("2");
  assert.equal(await server.next(), "3");
  server.send("2data");
  assert.equal(await server.next(), "3data");
});

test("events and the answers to them go both ways", async () => {
  const server = await connected();
  await page.evaluate(() => { socket.emit("plain", 1, "two", null); });
  assert.equal(await server.next(), '42["plain",1,"two",null]');
  const answer = page.evaluate(() => new Promise((resolve) => socket.emit("ask", { a: 1 }, (...values) => resolve(values))));
  assert.equal(await server.next(), '420["ask",{"a":1}]');
  const second = page.evaluate(() => socket.timeout(5_000).emitWithAck("again"));
  assert.equal(await server.next(), '421["again"]');
  server.send('431["second"]', '430["first",2]', '430["late"]', '4399[]');
  assert.deepEqual([await answer, await second], [["first", 2], "second"]);
  await page.evaluate(() => socket.on("question", (value, answer) => { answer(value + 1, [value]); answer("twice"); }));
  server.send('4212["question",41]');
  assert.equal(await server.next(), "4312[42,[41]]");
  server.send('42["news"]', '42["news",{"deep":[1]}]', '42["unknown"]');
  assert.deepEqual(await heard("news"), []);
  assert.deepEqual(await heard("news"), [{ deep: [1] }]);
});

test("bytes are attachments, at any depth, in both directions", async () => {
  const server = await connected();
  await page.evaluate(() => {
    const all = new Uint8Array([1, 2, 3, 4, 5]);
    socket.emit("b", { list: [all.subarray(1, 3), { deep: new Uint16Array([0x0605]).buffer }], when: new Date(0), none: null });
  });
  assert.equal(await server.next(), '452-["b",{"list":[{"_placeholder":true,"num":0},{"deep":{"_placeholder":true,"num":1}}],"when":"1970-01-01T00:00:00.000Z","none":null}]');
  assert.deepEqual([...await server.next()], [2, 3]);
  assert.deepEqual([...await server.next()], [5, 6]);
  await page.evaluate(() => socket.on("bytes", (value, answer) => answer(new Uint8Array(value.twice[1]))));
  server.send('451-7["bytes",{"twice":[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]}]', Buffer.from([9, 8]));
  assert.equal(await server.next(), '461-7[{"_placeholder":true,"num":0}]');
  assert.deepEqual([...await server.next()], [9, 8]);
  const answer = page.evaluate(async () => [...new Uint8Array(await socket.timeout(5_000).emitWithAck("ask"))]);
  await server.next();
  server.send('461-0[{"_placeholder":true,"num":0}]', Buffer.from([7]));
  assert.deepEqual(await answer, [7]);
  server.send('42["news",{"_placeholder":true,"num":0}]');
  assert.deepEqual(await heard("news"), [{ _placeholder: true, num: 0 }]);
});

test("an answer that does not come in time, or not before the end, is an error", async () => {
  const server = await connected();
  const ask = (ms) => page.evaluate((ms) => socket.timeout(ms).emitWithAck("ask").catch((error) => error.message), ms);
  assert.equal(await ask(50), "operation has timed out");
  const pending = ask(5_000);
  await server.next();
  await server.next();
  server.socket.terminate();
  assert.equal(await pending, "socket has been disconnected");
  assert.equal(await ask(50), "socket has been disconnected");
});

test("a lost connection is made again, after half to one and a half of a second", async () => {
  for (const lose of [(server) => server.socket.terminate(), (server) => server.socket.close(), (server) => server.send("1")]) {
    const server = await connected();
    const lost = Date.now();
    lose(server);
    assert.deepEqual(await heard("disconnect"), ["transport close"]);
    connections.put(await connections.take()); // the next round greets it
    const delay = Date.now() - lost;
    assert.ok(delay > 450 && delay < 2_500, `${delay} ms`);
  }
});

test("a server that does not ping any more is left for a new connection", async () => {
  const server = await connected(100, 150);
  server.send("2");
  assert.deepEqual(await heard("disconnect"), ["ping timeout"]);
  await server.closed;
  await connected();
});

test("an end that the server or the page asked for is one", async () => {
  await page.clock.install();
  const server = await connected();
  const opened = [server.url];
  page.on("websocket", (socket) => { const { pathname, search } = new URL(socket.url()); opened.push(pathname + search); });
  server.send("41");
  assert.deepEqual(await heard("disconnect"), ["io server disconnect"]);
  await server.closed;
  await page.clock.runFor(60_000);
  await page.evaluate(() => { socket.connect(); });
  const next = await connected();
  await page.evaluate(() => { socket.disconnect(); });
  assert.equal(await next.next(), "41");
  await next.closed;
  assert.deepEqual(await heard("disconnect"), ["io client disconnect"]);
  await page.clock.runFor(60_000);
  assert.deepEqual(opened, [server.url, next.url], "no connection that nobody asked for");
});

test("a refusal is told with its data", async () => {
  const server = await connections.take();
  server.send(open());
  await server.next();
  server.send('44{"message":"no","data":{"code":"full"}}');
  assert.deepEqual(await heard("connect_error"), ["no"]);
});

test("a packet that is none ends the connection, and a new one is made", async () => {
  const bad = [
    ['42["news"'], ["49"], ["42{"], [Buffer.from([1])],
    ['451-["news",{"_placeholder":true,"num":0}]', '42["news"]'],
    ['451-["news",{"_placeholder":true,"num":1}]', Buffer.from([1])],
    ['451-["news",{"_placeholder":true,"num":"0"}]', Buffer.from([1])],
  ];
  for (const frames of bad) {
    const server = await connected();
    server.send(...frames);
    assert.deepEqual(await heard("disconnect"), ["parse error"], String(frames));
    await server.closed;
  }
});
