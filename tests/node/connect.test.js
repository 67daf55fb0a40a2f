// Connecting: namespaces, auth, refusals, what a handshake holds.
import assert from "node:assert/strict";
import { it } from "node:test";

import { ask, many, manager, once, socket } from "./support/client.js";
import { overEachWay } from "./support/suite.js";

overEachWay("connecting", ({ way, url, connect }) => {
  it("gives a socket an id that is not the id of its session", async () => {
    const client = await connect();
    assert.match(client.id, /^[A-Za-z0-9_-]{20}$/);
    assert.notEqual(client.id, client.io.engine.id);
    assert.deepEqual(await ask(client, "whoami"), [
      { id: client.id, namespace: "/", transport: client.io.engine.transport.name },
    ]);
  });

  it("shares one connection between namespaces, each with its own socket id and auth", async () => {
    const made = manager(url(), way);
    const root = made.socket("/", { auth: { who: "root" } });
    const custom = made.socket("/custom", { auth: { who: "custom" } });
    await Promise.all([once(root, "connect"), once(custom, "connect")]);
    assert.notEqual(root.id, custom.id);
    assert.deepEqual(await ask(root, "auth"), [{ who: "root" }]);
    assert.deepEqual(await ask(custom, "auth"), [{ who: "custom" }]);
    custom.disconnect();
    assert.deepEqual(await ask(root, "echo", "still here"), ["still here"]);
    custom.connect();
    await once(custom, "connect");
    assert.deepEqual(await ask(custom, "echo", "again"), ["again"]);
  });

  it("has an empty auth when the client sends none", async () => {
    assert.deepEqual(await ask(await connect(), "auth"), [{}]);
  });

  it("keeps the query of the handshake, decoded, for every namespace", async () => {
    const query = { token: "a&b=c", name: "Zoë ☃", empty: "" };
    const client = await connect("/custom", { query });
    const [seen] = await ask(client, "query");
    for (const [name, value] of Object.entries(query)) assert.equal(seen[name], value);
  });

  it("keeps the headers of the handshake", async () => {
    const client = await connect("", { extraHeaders: { "x-custom": "yes" } });
    assert.deepEqual(await ask(client, "header", "x-custom"), ["yes"]);
  });

  it("refuses a namespace that was not declared, and only that", async () => {
    const made = manager(url(), way);
    const root = made.socket("/");
    await once(root, "connect");
    const unknown = made.socket("/unknown");
    const [error] = await once(unknown, "connect_error");
    assert.equal(error.message, "Invalid namespace");
    assert.equal(error.data, undefined);
    assert.deepEqual(await ask(root, "echo", 1), [1]);
  });

  it("serves each namespace that a pattern means, apart from each other", async () => {
    const one = await connect("/room/1");
    const other = await connect("/room/1");
    const elsewhere = await connect("/room/2");
    const heard = [];
    elsewhere.onAny((event) => heard.push(event));
    const said = once(other, "said");
    assert.deepEqual(await ask(one, "say", "psst"), [1]);
    assert.deepEqual(await said, ["psst"]);
    assert.deepEqual(await ask(elsewhere, "say", "alone"), [2]);
    assert.deepEqual(heard, []);
  });

  it("refuses a namespace whose parameters do not fit", async () => {
    const [error] = await once(manager(url(), way).socket("/room/x"), "connect_error");
    assert.match(error.message, /`number` is no u32/);
    assert.deepEqual(error.data, { code: "bad_request" });
  });

  it("refuses with the message and the data of the error that a middleware returns", async () => {
    const client = socket(url("/guarded"), way, { auth: { token: "wrong" } });
    const [error] = await once(client, "connect_error");
    assert.equal(error.message, "not you");
    assert.deepEqual(error.data, { code: "unauthorized", reason: "token" });
    assert.equal(client.active, false);
    client.auth = { token: "secret" };
    client.connect();
    await once(client, "connect");
    assert.deepEqual(await ask(client, "echo", "in"), ["in"]);
  });

  it("says nothing of an error that is not to be shown, nor of a panic", async () => {
    for (const token of ["hidden", "panic", "silent"]) {
      const client = socket(url("/guarded"), way, { auth: { token } });
      const [error] = await once(client, "connect_error");
      assert.doesNotMatch(JSON.stringify([error.message, error.data]), /password|boom|hidden/);
      assert.deepEqual(error.data, { code: token === "silent" ? "refused" : "internal" });
    }
  });

  it("sends CONNECT before anything that the connection handler emits", async () => {
    const client = socket(url("/greeting"), way);
    const order = [];
    client.onAny((event) => order.push(event));
    client.once("connect", () => order.push("connect"));
    await many(client, "greeting", 3);
    assert.deepEqual(order, ["connect", "greeting", "greeting", "greeting"]);
  });

  it("runs the connection handler to its end before the first event of the socket", async () => {
    const client = socket(url("/slow"), way);
    // Emitted before it is connected, so the client sends it right behind the answer to CONNECT.
    const answer = ask(client, "ready");
    assert.deepEqual(await answer, [true]);
  });

  it("accepts an event right behind the CONNECT of every namespace of a busy connection", async () => {
    const made = manager(url(), way);
    const sockets = ["/", "/custom", "/greeting", "/slow"].map((name) => made.socket(name));
    const answers = await Promise.all(sockets.map((client, n) => ask(client, "echo", n)));
    assert.deepEqual(answers, [[0], [1], [2], [3]]);
  });
});
