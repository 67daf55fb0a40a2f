// examples/koa-socket-port: its comments are JavaScript, and it answers the client in its head.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { Script } from "node:vm";

import { ask, closeAll, connect, many } from "../support/client.js";
import { runHead, sourceOf } from "../support/head.js";
import { example } from "../support/server.js";

describe("the port of a koa-socket server", () => {
  let server;
  before(async () => {
    server = await example("koa-socket-port");
  });
  after(() => server?.stop());
  afterEach(closeAll);

  it("stands below a program in JavaScript", () => {
    const program = [...sourceOf("koa-socket-port").matchAll(/\/\/ (.*)$/gm)]
      .map(([, line]) => line)
      .join("\n");
    assert.match(program, /^io\.attach\(app\)$/m);
    new Script(program);
  });

  it("answers the client of its head comment", async () => {
    const heard = await runHead("koa-socket-port", server, 4);
    assert.deepEqual(heard, [["I come from the server"], ["hello"], ["to myself"], [true]]);
  });

  it("forgets who has left, and serves koa's page beside it", async () => {
    const [ann, ben] = [
      await connect(server.url, "websocket"),
      await connect(server.url, "websocket"),
    ];
    await ask(ann, "login", { id: "ann" });
    const psst = many(ann, "private", 1);
    assert.deepEqual(await ask(ben, "private", { to: "ann", text: "psst" }), [true]);
    assert.deepEqual(await psst, [["psst"]]);
    await ask(ann, "login", { id: "anna" });
    assert.deepEqual(await ask(ben, "private", { to: "ann", text: "psst" }), [false]);
    assert.equal(await (await fetch(server.url)).text(), "koa");
    assert.deepEqual(server.lines.filter((line) => /connected$/.test(line)).slice(-2), [
      `${ann.id} connected`,
      `${ben.id} connected`,
    ]);
  });
});
