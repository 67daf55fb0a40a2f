// examples/socketioxide-port: it answers the client in its head, and does what the program in its comments does.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";

import { ask, closeAll, connect, many } from "../support/client.js";
import { runHead, sourceOf } from "../support/head.js";
import { example } from "../support/server.js";

describe("the port of a socketioxide server", () => {
  let server;
  before(async () => {
    server = await example("socketioxide-port");
  });
  after(() => server?.stop());
  afterEach(closeAll);

  it("stands below every handler of the program in its comments", () => {
    const source = sourceOf("socketioxide-port");
    const handlers = [...source.matchAll(/^\/\/ socket\.on(?:_disconnect)?\((?:"(.*)", )?(\w+)\);$/gm)];
    assert.equal(handlers.length, 5);
    for (const [, event = "disconnect", name] of handlers) {
      assert.match(source, new RegExp(`#\\[on\\("${event}"\\)\\]\\n// async fn ${name}\\(.*\\n(//.*\\n)*async fn ${name}\\(`));
    }
  });

  it("tells the others who comes, types, speaks and goes", async () => {
    const [ann, ben] = [
      await connect(server.url, "websocket"),
      await connect(server.url, "polling"),
    ];
    const login = many(ann, "login", 1);
    ann.emit("add user", "ann");
    const [[{ numUsers }]] = await login;
    const joined = many(ann, "user joined", 1);
    ben.emit("add user", "ben");
    assert.deepEqual(await joined, [[{ username: "ben", numUsers: numUsers + 1 }]]);
    const seen = ["typing", "stop typing", "new message", "user left"].map((event) => many(ann, event, 1));
    ben.emit("typing");
    ben.emit("stop typing");
    await ask(ben, "new message", "hello");
    ben.disconnect();
    const whoIsBen = { username: "ben" };
    assert.deepEqual(await Promise.all(seen), [
      [[whoIsBen]],
      [[whoIsBen]],
      [[{ ...whoIsBen, message: "hello" }]],
      [[{ ...whoIsBen, numUsers }]],
    ]);
  });

  it("answers who has no name", async () => {
    const nobody = await connect(server.url, "websocket");
    const [answer] = await ask(nobody, "typing");
    assert.equal(answer.error.code, "no_name");
  });

  it("answers the client of its head comment", async () => {
    const [[, users], ...others] = await runHead("socketioxide-port", server, 3);
    assert.ok(users >= 1); // those before may still be leaving
    assert.deepEqual(others, [[], ["bad_request"]]);
  });
});
