// Events between servers, `serverSideEmit` with and without acks: koio to koio, koio to Node and Node to koio.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Emitter } from "@socket.io/redis-emitter";

import { until, within } from "../node/support/within.js";
import { redisClients, startRedis } from "./support/redis.js";
import { koioServer, NAMESPACES, nodeServer } from "./support/servers.js";

/** The handlers of koio-cluster, in a server of Node, and the same methods. */
async function node(url, sharded) {
  const server = await nodeServer(url, { requestsTimeout: 1_000, sharded });
  let heard = [];
  for (const name of NAMESPACES) {
    // In the last none of koio's has a handler.
    const namespace = server.io.of(name);
    namespace.on("hello", (...args) => heard.push({ event: "hello", namespace: name, args }));
    namespace.on("kind", (answer) => answer("node"));
  }
  server.io.on("sum", (a, b, answer) => answer({ sum: a + b }, "not read"));
  server.io.on("bytes", (bytes, answer) => answer([...bytes]));
  server.io.on("nothing", (answer) => answer());
  server.io.on("silent", () => {});
  return {
    ...server,
    async serverEmit({ namespace = "/" }, event, value) {
      server.io.of(namespace).serverSideEmit(event, value, "last");
    },
    async serverAsk({ namespace = "/" }, event, ...values) {
      try {
        const answers = await server.io.of(namespace).serverSideEmitWithAck(event, ...values);
        return { values: answers, late: false };
      } catch (error) {
        assert.match(error.message, /^timeout reached: only \d responses received out of \d$/);
        return { values: error.responses, late: true };
      }
    },
    heard: async () => heard.splice(0),
  };
}

async function koio(url, options) {
  const server = await koioServer(url, options);
  const { call } = server;
  return {
    ...server,
    serverEmit: (whom, event, value) => call("server emit", whom, event, value),
    async serverAsk(whom, event, ...args) {
      const { values, missing } = await call("server ask", { timeout: 1_000, ...whom }, event, ...args);
      for (const value of values) if (value?.failed) delete value.message;
      return { values, late: missing.length > 0, missing };
    },
    heard: () => call("heard"),
  };
}

/** Answers come in any order. */
const sorted = (values) => [...values].sort((a, b) => `${JSON.stringify(a)}`.localeCompare(`${JSON.stringify(b)}`));

for (const sharded of [undefined, "dynamic"]) {
  describe(`events between servers, ${sharded ? "sharded" : "plain"}`, () => {
    let redis;
    const servers = {};
    const others = (name) => Object.keys(servers).filter((other) => other !== name);

    before(async () => {
      redis = await startRedis();
      servers.koio = await koio(redis.url, { sharded });
      servers["another koio"] = await koio(redis.url, { sharded });
      servers.node = await node(redis.url, sharded);
      servers["another node"] = await node(redis.url, sharded);
      await Promise.all([servers.node.counted(4), servers["another node"].counted(4)]);
    });
    after(async () => {
      await Promise.all(Object.values(servers).map((server) => server.stop()));
      await redis?.stop();
    });

    /** What a server hears next, when it is so much. */
    async function heard(name, length) {
      const all = [];
      const complete = async () => all.push(...(await servers[name].heard())) > 0 && all.length >= length;
      await within(`${length} events at ${name}`, until(complete));
      return all;
    }

    for (const here of ["koio", "node"]) {
      const of = (kind) => others(here).filter((name) => servers[name].kind === kind).length;

      describe(`from ${here}`, () => {
        for (const namespace of ["/", "/chat", "/ä b#c"]) {
          test(`every other server hears it in ${namespace}, and the sender does not`, async () => {
            const value = { text: 'ä "quoted" \u2028', numbers: [1, -2, 3.5], nothing: null };
            await servers[here].serverEmit({ namespace }, "hello", value);
            for (const name of others(here)) {
              const [{ from, ...event }] = await heard(name, 1);
              assert.deepEqual(event, { event: "hello", namespace, args: [value, "last"] });
              if (servers[name].kind === "koio") {
                assert.equal(from === "a server of another kind", here === "node");
              }
            }
            const { values } = await servers[here].serverAsk({ namespace }, "kind");
            assert.equal(values.length, 3);
            // Behind those answers nothing of before is on its way.
            for (const name of Object.keys(servers)) assert.deepEqual(await servers[name].heard(), []);
          });
        }

        test("each other server answers once, with the first argument of its answer", async () => {
          for (let round = 0; round < 20; round += 1) {
            const kinds = await servers[here].serverAsk({ namespace: "/chat" }, "kind");
            const expected = [...Array(of("koio")).fill("koio"), ...Array(of("node")).fill("node")];
            assert.deepEqual([sorted(kinds.values), kinds.late], [expected, false]);
          }
          const sums = await servers[here].serverAsk({}, "sum", 2, 3);
          assert.deepEqual([sums.values, sums.late], [Array(3).fill({ sum: 5 }), false]);
        });

        test("an answer without a value is one", async () => {
          const { values, late } = await servers[here].serverAsk({}, "nothing");
          assert.deepEqual([values.map((value) => value ?? null), late], [[null, null, null], false]);
        });

        // The sharded adapter of Node waits longer than this handler of koio's.
        if (here === "koio" || !sharded) test("whoever does not answer in time is missing, and the answers of the others are there", async () => {
          const { values, late, missing } = await servers[here].serverAsk({}, "silent");
          assert.deepEqual([values, late], [[], true]);
          if (here === "koio") {
            const unnamed = missing.filter((name) => name === "a server of another kind");
            assert.deepEqual([missing.length, unnamed.length], [3, 2]);
          }
        });

        test("300 events arrive in their order", async () => {
          const numbers = Array.from({ length: 300 }, (_, number) => number);
          for (const number of numbers) void servers[here].serverEmit({}, "hello", number);
          for (const name of others(here)) {
            const events = await heard(name, 300);
            assert.deepEqual(events.map(({ args: [number] }) => number), numbers);
          }
        });
      });
    }

    test("koio's servers without a handler answer Node's at once, without a value", async () => {
      // The timeout of the others would end it late.
      const started = performance.now();
      const { values, late } = await servers.node.serverAsk({ namespace: "/a[1]*#b" }, "kind");
      assert.deepEqual([sorted(values.map((value) => value ?? null)), late], [["node", null, null], false]);
      assert.ok(performance.now() - started < 1_000);
    });

    test("a server of koio's learns that the others have no handler, and that Node's are silent", async () => {
      const { values, missing } = await servers.koio.serverAsk({}, "no such event");
      assert.deepEqual(values, [{ failed: "no_handler" }]);
      assert.deepEqual(missing, Array(2).fill("a server of another kind"));
    });

    test("a handler of koio's that fails is an answer among koio's, and none for Node's", async () => {
      for (const [event, failed] of [["fails", "refused"], ["panics", "internal"]]) {
        const { values, missing } = await servers.koio.serverAsk({}, event);
        assert.deepEqual([values, missing.length], [[{ failed }], 2]);
        const { values: none, late } = await servers.node.serverAsk({}, event);
        assert.deepEqual([none, late], [[], true]);
      }
      const { values } = await servers.koio.serverAsk({}, "sum", "x", 3);
      assert.deepEqual(sorted(values), [{ failed: "bad_request" }, { sum: "x3" }, { sum: "x3" }]);
    });

    test("binary goes from koio to every server", async () => {
      const bytes = Buffer.from([1, 2, 254]);
      const values = await servers.koio.call("server bytes", bytes);
      assert.deepEqual(values, Array(3).fill([1, 2, 254]));
    });

    test("names of Socket.IO's own are refused", async () => {
      for (const name of ["connect", "connection", "new_namespace"]) {
        await assert.rejects(servers.koio.serverEmit({}, name, 1), /server emit/);
        await assert.rejects(servers.node.serverEmit({}, name, 1), /reserved/);
      }
    });

    // There is none for sharded servers.
    if (!sharded) test("an emitter without a server reaches every server", async () => {
      const [publisher, other] = await redisClients(redis.url);
      new Emitter(publisher).of("/chat").serverSideEmit("hello", 1, "last");
      for (const name of Object.keys(servers)) {
        const [{ from, ...event }] = await heard(name, 1);
        assert.deepEqual(event, { event: "hello", namespace: "/chat", args: [1, "last"] });
        assert.equal(from, servers[name].kind === "koio" ? "a server of another kind" : undefined);
      }
      await Promise.all([publisher.quit(), other.quit()]);
    });

    test("without another server there are no answers, at once", async () => {
      const alone = await koio(redis.url, { key: "alone", sharded });
      const started = performance.now();
      assert.deepEqual(await alone.serverAsk({ timeout: 5_000 }, "kind"), { values: [], late: false, missing: [] });
      assert.ok(performance.now() - started < 4_000);
      await alone.stop();
    });

    test("nothing was malformed, dropped or lost meanwhile", async () => {
      for (const name of ["koio", "another koio"]) {
        const { malformed, unpublished, dropped, gaps } = await servers[name].call("counts");
        assert.deepEqual({ malformed, unpublished, dropped, gaps }, { malformed: 0, unpublished: 0, dropped: 0, gaps: 0 });
      }
    });
  });
}
