// Acknowledgements in both directions.
import assert from "node:assert/strict";
import { it } from "node:test";

import { OLD, ask, once, settled } from "./support/client.js";
import { overAllWays } from "./support/suite.js";

overAllWays("acks", ({ connect, url, way }) => {
  if (!OLD) it("answers emitWithAck and timeout().emit of the client", async () => {
    const client = await connect();
    assert.equal(await client.emitWithAck("echo", "x"), "x");
    assert.equal(await client.timeout(5000).emitWithAck("echo", "y"), "y");
    const [error, value] = await new Promise((resolve) =>
      client.timeout(5000).emit("echo", "z", (...args) => resolve(args)),
    );
    assert.deepEqual([error, value], [null, "z"]);
  });

  it("gives the server the answer of the client: none, one, several, with bytes", async () => {
    const client = await connect();
    const answers = { none: [], one: [{ x: [1] }], several: [1, { two: 2 }, null] };
    client.on("question", (kind, answer) => answer(...answers[kind]));
    assert.deepEqual(await ask(client, "ask", "none"), [[null]]);
    assert.deepEqual(await ask(client, "ask", "one"), [[{ x: [1] }]]);
    assert.deepEqual(await ask(client, "ask", "several"), [[1]]);
    client.off("question");
    const found = { bytes: Buffer.from([1, 2, 3]), deep: [Buffer.alloc(0), Buffer.from([4])] };
    client.on("question", (_, answer) => answer(found));
    assert.deepEqual(await ask(client, "ask-for-bytes"), [found]);
  });

  it("gives the server the answers of everybody in a room, and says who did not answer", async () => {
    const [ann, bob, cat, other] = await Promise.all([connect(), connect(), connect(), connect()]);
    for (const client of [ann, bob, cat]) await ask(client, "join", "voters");
    ann.on("question", (kind, answer) => answer(`${kind} yes`));
    bob.on("question", (_, answer) => answer(Buffer.from([1])));
    cat.on("question", () => {});
    other.on("question", () => assert.fail("it is in no such room"));
    const [answers] = await ask(other, "ask-all", "voters", 300);
    const found = new Map(answers);
    assert.equal(found.size, 3);
    assert.equal(found.get(ann.id), "all yes");
    assert.equal(found.get(bob.id), "bad_request", "bytes are no JSON");
    assert.equal(found.get(cat.id), "timeout");
    assert.deepEqual(await ask(other, "ask-all", "nobody", 60_000), [[]]);
  });

  it("gives the server all values of an answer", async () => {
    const client = await connect();
    client.on("question", (_, answer) => answer(1, { two: 2 }, null));
    assert.deepEqual(await ask(client, "ask-for-values"), [[1, { two: 2 }, null]]);
  });

  it("gives the server the answers of a room one by one, as they come", async () => {
    const [asker, first, second] = [await connect(), await connect(), await connect()];
    for (const client of [first, second]) await ask(client, "join", "a room");
    let late;
    first.on("question", (_, answer) => (late = answer));
    second.on("question", (_, answer) => answer("at once"));
    const done = ask(asker, "ask-as-they-come", "a room");
    assert.deepEqual(await once(asker, "answered"), ["at once"]);
    const answered = once(asker, "answered");
    late("in the end");
    assert.deepEqual(await answered, ["in the end"]);
    assert.deepEqual(await done, [2]);
  });

  it("lets a handler wait for an answer of the very socket that it serves", async () => {
    const client = await connect();
    client.on("question", (_, answer) => setTimeout(() => answer("late but fine"), 50));
    assert.deepEqual(await ask(client, "ask", "x"), [["late but fine"]]);
  });

  it("lets a handler wait for an answer that comes behind many events, or big ones", async () => {
    for (const [events, payload] of [
      [300, 1],
      // Socket.IO 2 puts all that waits into one request, which has a limit.
      [2, "x".repeat(OLD ? 400_000 : 900_000)],
    ]) {
      const client = await connect();
      client.on("question", (_, answer) => {
        for (let i = 0; i < events; i++) client.emit("echo", payload);
        answer("behind them");
      });
      const asked = performance.now();
      assert.deepEqual(await ask(client, "ask", "x"), [["behind them"]]);
      const took = performance.now() - asked;
      assert.ok(took < 3000, `${took} ms`);
      // They were handled all the same.
      assert.deepEqual(await ask(client, "echo", "last"), ["last"]);
    }
  });

  it("tells the server when the answer is too late, and ignores it when it comes", async () => {
    const client = await connect();
    let late;
    client.on("question", (_, answer) => (late = answer));
    assert.deepEqual(await ask(client, "ask-within", 50), ["timeout"]);
    late("too late");
    late("and twice");
    assert.deepEqual(await ask(client, "echo", 1), [1]);
  });

  it("tells the server at once when the client leaves instead of answering", async () => {
    const [watcher, client] = [await connect("/watch"), await connect()];
    client.on("question", () => client.disconnect());
    const { id } = client;
    const outcome = once(watcher, "unanswered");
    client.emit("ask-and-report", 60_000);
    assert.deepEqual(await outcome, [id, "disconnected"]);
  });

  it("answers unanswered when a handler drops its Ack, and takes only the first answer", async () => {
    const client = await connect();
    const [{ error }] = await ask(client, "drop-ack");
    assert.equal(error.code, "unanswered");
    assert.deepEqual(await ask(client, "late-ack"), ["later"]);
  });

  it("answers several events that are under way at once, each with its own", async () => {
    const client = await connect();
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => ask(client, "echo", n)));
    assert.deepEqual(answers.flat(), Array.from({ length: 200 }, (_, n) => n));
  });

  it("keeps the acks of two namespaces of one connection apart", async () => {
    const client = await connect();
    const custom = client.io.socket("/custom");
    await once(custom, "connect");
    const answers = await Promise.all([ask(client, "where"), ask(custom, "where")]);
    assert.deepEqual(answers, [["/"], ["/custom"]]);
    await settled(client, custom);
  });

  if (!OLD) it("acks the implicit acks of a client that retries", async () => {
    const client = await connect("", { retries: 3, ackTimeout: 5000 });
    for (let n = 0; n < 5; n++) client.emit("nothing");
    assert.equal(await client.emitWithAck("one").then((answer) => answer.value), 1);
    assert.equal(url().startsWith("http"), true, way);
  });
});
