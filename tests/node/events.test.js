// Events from the client: arguments, answers, errors, names.
import assert from "node:assert/strict";
import { it } from "node:test";

import { OLD, PACKED, ask, many, once } from "./support/client.js";
import { overAllWays } from "./support/suite.js";

// notepack, of the other parser, writes 1e300 as 0.
const BIG = PACKED ? 2 ** 60 : 1e300;
const VALUES = [
  0, -1, 1.5, 9007199254740991, -9007199254740991, BIG, true, false, null, "", "plain",
  "é ü ß € 漢字 \u{1F600}", "\u0000 \u001e \u2028 \u2029 \\ \" /", "x".repeat(5000),
  [], {}, [[[]]], { b: 1, a: { z: [1, { y: null }], c: "" } }, { "": 1, "with \"quotes\"": 2 },
];

overAllWays("events", ({ connect }) => {
  it("passes every kind of JSON value there and back", async () => {
    const client = await connect();
    assert.deepEqual(await ask(client, "echo", ...VALUES), VALUES);
    const bounced = once(client, "bounced");
    client.emit("bounce", ...VALUES);
    assert.deepEqual(await bounced, VALUES);
  });

  it("has listeners of one socket that come and go", async () => {
    const [client, other] = [await connect(), await connect()];
    const code = (answer) => answer[0]?.error?.code ?? answer;
    assert.equal(code(await ask(client, "news", 1)), "no_handler");
    assert.deepEqual(await ask(client, "listen", "news", true), [1]);
    assert.deepEqual(await ask(client, "news", 1, "two"), [1, "two"]);
    assert.equal(code(await ask(client, "news", 1)), "no_handler");
    assert.deepEqual(await ask(client, "listen", "news", false), [1]);
    assert.deepEqual(await ask(client, "news", Buffer.from("x")), [Buffer.from("x")]);
    assert.equal(code(await ask(other, "news", 1)), "no_handler");
    assert.deepEqual(await ask(client, "deaf", "news"), [1]);
    assert.equal(code(await ask(client, "news", 1)), "no_handler");
  });

  it("has listeners of a namespace that come and go, for all of its clients", async () => {
    const [client, other] = [await connect(), await connect()];
    // A name of its own: the server is that of all tests.
    const event = `news of ${client.id}`;
    const code = (answer) => answer[0]?.error?.code ?? answer;
    assert.equal(code(await ask(other, event, 1)), "no_handler");
    assert.deepEqual(await ask(client, "listen all", event), [1]);
    assert.deepEqual(await ask(other, event, 1, "two"), [1, "two"]);
    const late = await connect();
    assert.deepEqual(await ask(late, event, Buffer.from("x")), [Buffer.from("x")]);
    assert.deepEqual(await ask(other, "deaf all", event), [1]);
    for (const one of [client, other, late]) {
      assert.equal(code(await ask(one, event, 1)), "no_handler");
    }
  });

  it("lets a middleware give an event another name, or other arguments", async () => {
    const client = await connect("/renamed");
    const bytes = Buffer.from("x");
    assert.deepEqual(await ask(client, "echo", 1), [1]);
    assert.deepEqual(await ask(client, "old echo", 1, bytes), [1, bytes]);
    assert.deepEqual(await ask(client, "shout", "koi", bytes), ["KOI", 3]);
  });

  it("pass the middleware of their own socket alone, which may refuse them", async () => {
    const [client, other] = [await connect(), await connect()];
    await ask(client, "mute", "echo");
    const [{ error }] = await ask(client, "echo", 1);
    assert.deepEqual(error, { code: "muted", message: "you may listen" });
    assert.deepEqual(await ask(client, "one"), await ask(other, "one"));
    assert.deepEqual(await ask(other, "echo", 1), [1]);
  });

  it("can be observed, what comes and what is sent", async () => {
    const client = await connect();
    await ask(client, "observe");
    const bounced = once(client, "bounced");
    client.emit("bounce", 1, "two");
    await bounced;
    await ask(client, "nobody handles this");
    const [seen] = await ask(client, "observed");
    const expected = ["> bounce 2", '< bounced 1,"two"', "> nobody handles this 0", "> observed 0"];
    assert.deepEqual(seen, expected);
  });

  it("keeps the order of the keys of an object", async () => {
    const client = await connect();
    const [seen] = await ask(client, "echo", { z: 1, a: 2, m: { y: 1, b: 2 } });
    assert.equal(JSON.stringify(seen), '{"z":1,"a":2,"m":{"y":1,"b":2}}');
  });

  it("reads arguments by position, with an optional one missing, null or there", async () => {
    const client = await connect();
    assert.deepEqual(await ask(client, "typed", "ann", 3), ["ann/3/-"]);
    assert.deepEqual(await ask(client, "typed", "ann", 3, null), ["ann/3/-"]);
    assert.deepEqual(await ask(client, "typed", "ann", 3, { mark: "x" }), ["ann/3/x"]);
    assert.deepEqual(await ask(client, "typed", "ann", 3, { mark: "x" }, "more"), ["ann/3/x"]);
  });

  it("answers bad_request, naming the argument and the reason, to what does not fit", async () => {
    const client = await connect();
    const cases = [
      [["ann", "three"], /age/],
      [["ann"], /age/],
      [[], /name/],
      [[7, 7], /name/],
      [["ann", 3, { mark: 1 }], /extra/],
      [["ann", -3], /age/],
    ];
    for (const [args, named] of cases) {
      const [{ error }] = await ask(client, "typed", ...args);
      assert.equal(error.code, "bad_request", JSON.stringify(args));
      assert.match(error.message, named);
      assert.ok(Buffer.byteLength(error.message) < 1024, error.message);
    }
    // What was wrong is quoted, but not at any length.
    const [{ error }] = await ask(client, "typed", "ann", "é".repeat(10_000));
    assert.ok(Buffer.byteLength(error.message) < 1024);
    assert.deepEqual(await ask(client, "ran"), [0], "the handler ran on a bad payload");
  });

  it("answers with nothing, one or several values", async () => {
    const client = await connect();
    assert.deepEqual(await ask(client, "nothing"), []);
    assert.deepEqual(await ask(client, "one"), [{ value: 1 }]);
    assert.deepEqual(await ask(client, "several"), [1, "two", { three: 3 }]);
    assert.deepEqual(await ask(client, "list"), [[1, 2, 3]]);
    assert.deepEqual(await ask(client, "null"), [null]);
  });

  it("answers an error with its code, message and data, and hides what is not to be shown", async () => {
    const client = await connect();
    const shown = { error: { code: "teapot", message: "short and stout", data: { spout: 1 } } };
    assert.deepEqual(await ask(client, "fail"), [shown]);
    for (const event of ["fail-inside", "panic"]) {
      const [{ error }] = await ask(client, event);
      assert.equal(error.code, "internal");
      assert.doesNotMatch(JSON.stringify(error), /password|boom/);
    }
    assert.deepEqual(await ask(client, "echo", "alive"), ["alive"]);
  });

  it("answers no_handler to an event that nothing handles, and ignores it without an ack", async () => {
    const client = await connect();
    client.emit("no such event", 1);
    const [{ error }] = await ask(client, "no such event", 1);
    assert.equal(error.code, "no_handler");
  });

  it("takes any name that is not reserved", async () => {
    const client = await connect("/any");
    const names = [
      "error", "message", "connection", "ping", "open", "close", "__proto__", "constructor",
      "toString", "é\u{1F600}", 'a"b', "a\\b", "\u0001", " ", "", "*", "x".repeat(255),
    ];
    // Those that socket.io-client 2 keeps for itself are not sent.
    const own = OLD ? ["error", "ping"] : [];
    for (const name of names.filter((name) => !own.includes(name))) assert.deepEqual(await ask(client, name), [name], name);
  });

  it("never lets a client call the life cycle", async () => {
    const client = await connect();
    const [{ error }] = await ask(client, "connection");
    assert.equal(error.code, "no_handler");
    const [before] = await ask(client, "connections");
    client.emit("connection");
    assert.deepEqual(await ask(client, "connections"), [before]);
  });

  it("runs the events of one socket one at a time, in their order", async () => {
    const client = await connect();
    const answers = Array.from({ length: 20 }, (_, n) => ask(client, "slow", n, 20 - n));
    assert.deepEqual((await Promise.all(answers)).flat(), Array.from({ length: 20 }, (_, n) => n));
    assert.deepEqual(await ask(client, "overlaps"), [0]);
  });

  it("serves other sockets while one of them is slow", async () => {
    const [slow, quick] = [await connect(), await connect()];
    let late = false;
    const answer = ask(slow, "slow", 0, 3000).then(() => (late = true));
    for (let n = 0; n < 20; n++) await ask(quick, "echo", n);
    assert.equal(late, false);
    slow.disconnect();
    answer.catch(() => {});
  });

  it("goes around the middleware, outermost first, and lets it change the answer", async () => {
    const client = await connect("/onion");
    assert.deepEqual(await ask(client, "peel"), [
      ["outer in", "inner in", "handler", "inner out", "outer out"],
    ]);
    assert.deepEqual(await ask(client, "blocked"), [{ error: { code: "blocked", message: "no" } }]);
  });

  it("delivers everything that the server emits from one handler, in order", async () => {
    const client = await connect();
    const numbers = many(client, "number", 500);
    client.emit("count", 500);
    assert.deepEqual((await numbers).flat(), Array.from({ length: 500 }, (_, n) => n));
  });
});
