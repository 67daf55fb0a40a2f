// The chat's events, on the official client, over each transport.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startChat } from "./chat-server.mjs";
import { person, transports } from "./person.mjs";

const code = ([answer]) => answer?.error?.code;

for (const [title, options] of Object.entries(transports)) {
  describe(title, () => {
    let chat, ann, bob, guest;
    before(async () => {
      chat = await startChat();
      [ann, bob, guest] = await Promise.all([1, 2, 3].map(() => person(chat.url, options)));
    });
    after(async () => {
      for (const one of [ann, bob, guest]) one?.leave();
      await chat?.stop();
    });

    test("login answers with the socket's id and who is online, and tells everybody", async () => {
      assert.deepEqual(await ann.ask("login", { id: "Ann" }), [{ id: ann.id, users: ["Ann"] }]);
      assert.deepEqual(await bob.ask("login", { id: "Bob" }), [{ id: bob.id, users: ["Ann", "Bob"] }]);
      for (const one of [ann, bob, guest]) {
        assert.deepEqual(await one.next("users"), [["Ann"]]);
        assert.deepEqual(await one.next("users"), [["Ann", "Bob"]]);
      }
    });

    test("a name that is taken, bad, or has the shape of a socket id is refused with a code", async () => {
      assert.equal(code(await guest.ask("login", { id: "Ann" })), "name_taken");
      const bad = ["", "   ", " Ann", "Ann\n", "a".repeat(33), "\u0000", "a\u202eb", "_AAAAAAAAAAAAAAAAAAA", ann.id];
      for (const id of bad) assert.equal(code(await guest.ask("login", { id })), "bad_name", JSON.stringify(id));
      assert.equal(code(await ann.ask("login", { id: "Anna" })), "already_logged_in");
      assert.deepEqual(await ann.ask("login", { id: "Ann" }), [{ id: ann.id, users: ["Ann", "Bob"] }]);
    });

    test("nothing but login works without a name", async () => {
      const asked = {
        sendMsg: { newAccount: "hi" }, private: { to: "Ann", text: "hi" }, join: { room: "garden" },
        leave: { room: "garden" }, group: { room: "garden", text: "hi" }, image: { name: "a.png", bytes: Buffer.from([1]) },
      };
      for (const [event, payload] of Object.entries(asked)) {
        assert.equal(code(await guest.ask(event, payload)), "not_logged_in", event);
      }
    });

    test("sendMsg reaches everybody as msg1, allmessage and message, in this order", async () => {
      const sent = Date.now();
      assert.deepEqual(await ann.ask("sendMsg", { newAccount: "hello, all" }), []);
      for (const one of [ann, bob, guest]) {
        const [greeting, ...rest] = await one.next("msg1");
        assert.equal(typeof greeting, "string");
        assert.deepEqual(rest, []);
        assert.deepEqual(await one.next("allmessage"), ["hello, all"]);
        const [{ at, ...message }, ...none] = await one.next("message");
        assert.deepEqual([message, none], [{ from: "Ann", text: "hello, all" }, []]);
        assert.ok(Math.abs(at - sent) < 60_000, `at is milliseconds since 1970, not ${at}`);
        assert.deepEqual(one.order().filter((event) => event !== "users"), ["msg1", "allmessage", "message"]);
      }
    });

    test("private reaches one person, by name or by socket id, and says whether it did", async () => {
      assert.deepEqual(await ann.ask("private", { to: "Bob", text: "by name" }), [{ delivered: true }]);
      assert.deepEqual(await bob.next("private"), [{ from: "Ann", text: "by name" }]);
      assert.deepEqual(await bob.ask("private", { to: ann.id, text: "by id" }), [{ delivered: true }]);
      assert.deepEqual(await ann.next("private"), [{ from: "Bob", text: "by id" }]);
      for (const to of ["nobody", "", guest.id, "_AAAAAAAAAAAAAAAAAAA", "garden"]) {
        assert.deepEqual(await ann.ask("private", { to, text: "psst" }), [{ delivered: false }], to);
      }
      assert.deepEqual(guest.heard("private"), []);
    });

    test("a group's messages reach those who joined, and only until they leave", async () => {
      assert.equal(code(await ann.ask("group", { room: "garden", text: "anybody?" })), "not_in_room");
      assert.deepEqual(await ann.ask("join", { room: "garden" }), []);
      assert.deepEqual(await bob.ask("join", { room: "garden" }), []);
      assert.deepEqual(await ann.ask("group", { room: "garden", text: "roses" }), []);
      for (const one of [ann, bob]) assert.deepEqual(await one.next("group"), [{ room: "garden", from: "Ann", text: "roses" }]);
      assert.deepEqual(await bob.ask("leave", { room: "garden" }), []);
      assert.equal(code(await bob.ask("group", { room: "garden", text: "still here?" })), "not_in_room");
      await ann.ask("group", { room: "garden", text: "tulips" });
      assert.deepEqual(await ann.next("group"), [{ room: "garden", from: "Ann", text: "tulips" }]);
      await bob.ask("leave", { room: "garden" }); // an answer comes after everything that was sent before it
      assert.equal(bob.heard("group").length, 1);
      assert.equal(guest.heard("group").length, 0);
    });

    test("the room of a socket id is nobody's group", async () => {
      assert.equal(code(await bob.ask("join", { room: ann.id })), "room");
      assert.equal(code(await bob.ask("group", { room: ann.id, text: "into your ear" })), "not_in_room");
      await ann.ask("private", { to: "Bob", text: "for Bob alone" });
      await bob.ask("private", { to: "Ann", text: "for Ann alone" });
      assert.deepEqual(await ann.next("private"), [{ from: "Bob", text: "for Ann alone" }]);
      assert.deepEqual(await bob.next("private"), [{ from: "Ann", text: "for Bob alone" }]);
      assert.deepEqual(ann.heard("group").filter(([{ room }]) => room === ann.id), []);
    });

    test("somebody can be in 8 groups and not in 9", async () => {
      for (let room = 1; room <= 8; room += 1) assert.deepEqual(await bob.ask("join", { room: `room ${room}` }), []);
      assert.equal(code(await bob.ask("join", { room: "room 9" })), "too_many_rooms");
      assert.deepEqual(await bob.ask("join", { room: "room 8" }), [], "already there");
      for (let room = 1; room <= 8; room += 1) assert.deepEqual(await bob.ask("leave", { room: `room ${room}` }), []);
    });

    test("image is binary on the way in and on the way out", async () => {
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, at) => at % 256));
      assert.deepEqual(await ann.ask("image", { name: "all.bytes", bytes }), []);
      for (const one of [ann, bob, guest]) {
        const [image, ...rest] = await one.next("image");
        assert.deepEqual(rest, []);
        assert.deepEqual({ ...image, bytes: null }, { from: "Ann", name: "all.bytes", bytes: null });
        assert.ok(Buffer.isBuffer(image.bytes));
        assert.ok(bytes.equals(image.bytes));
      }
    });

    test("payloads that do not fit are answered bad_request and reach nobody", async () => {
      const bad = [
        ["login", undefined], ["login", {}], ["login", { id: 7 }], ["login", "Ann"],
        ["sendMsg", {}], ["sendMsg", { newAccount: "" }], ["sendMsg", { newAccount: "  " }], ["sendMsg", { newAccount: "a".repeat(2001) }],
        ["private", { to: "Ann" }], ["private", { to: "Ann", text: "a".repeat(2001) }],
        ["join", { room: "" }], ["join", { room: "a".repeat(33) }], ["join", { room: ["garden"] }],
        ["group", { room: "garden" }],
        ["image", { name: "a.png", bytes: "a string" }], ["image", { name: "", bytes: Buffer.from([1]) }], ["image", { name: "a.png", bytes: Buffer.alloc(0) }],
      ];
      const before = ann.order().length;
      for (const [event, payload] of bad) {
        assert.equal(code(await bob.ask(event, payload)), "bad_request", `${event} ${JSON.stringify(payload)?.slice(0, 60)}`);
      }
      await ann.ask("leave", { room: "no such room" });
      assert.equal(ann.order().length, before);
    });

    test("text arrives as it was written, whatever is in it", async () => {
      const texts = ["a".repeat(2000), "🐌".repeat(2000), "<script>alert(1)</script>", "\u001e\"\\\u2028\u0000", "zwei\nZeilen", "عربى"];
      for (const text of texts) {
        assert.deepEqual(await bob.ask("sendMsg", { newAccount: text }), []);
        assert.deepEqual(await ann.next("allmessage"), [text]);
      }
    });

    test("people who come and go at the same moment are announced in order", async () => {
      const names = Array.from({ length: 12 }, (_, at) => `crowd ${String(at).padStart(2, "0")}`);
      const crowd = await Promise.all(names.map(() => person(chat.url, options)));
      const answers = await Promise.all(crowd.map((one, at) => one.ask("login", { id: names[at] })));
      const all = ["Ann", "Bob", ...names].sort();
      await ann.next("users", (users) => users.length === all.length);
      assert.deepEqual(ann.heard("users").at(-1), [all], "the last list has everybody");
      assert.deepEqual(answers.map(([{ users }]) => users.length).sort((a, b) => a - b), names.map((_, at) => at + 3));
      for (const one of crowd) one.leave();
      await ann.next("users", (users) => users.length === 2);
      assert.deepEqual(ann.heard("users").at(-1), [["Ann", "Bob"]]);
    });

    test("too much in one message ends its sender's connection and nobody else's", async () => {
      const greedy = await person(chat.url, options);
      await greedy.ask("login", { id: "Greedy" });
      const gone = new Promise((resolve) => greedy.socket.once("disconnect", resolve));
      await ann.next("users", (users) => users.includes("Greedy"));
      ann.forget();
      greedy.socket.emit("image", { name: "huge.png", bytes: Buffer.alloc(1_100_000) });
      await gone;
      assert.deepEqual(await ann.next("users"), [["Ann", "Bob"]]);
      assert.deepEqual(await ann.ask("private", { to: "Bob", text: "did you see that?" }), [{ delivered: true }]);
      assert.deepEqual(await bob.next("private", ({ text }) => text === "did you see that?"), [{ from: "Ann", text: "did you see that?" }]);
      assert.equal(ann.heard("image").some(([{ from }]) => from === "Greedy"), false);
    });

    test("somebody who leaves frees the name and the others see it", async () => {
      ann.forget();
      bob.leave();
      assert.deepEqual(await ann.next("users"), [["Ann"]]);
      assert.deepEqual(await ann.ask("private", { to: "Bob", text: "bye" }), [{ delivered: false }]);
      assert.deepEqual(await guest.ask("login", { id: "Bob" }), [{ id: guest.id, users: ["Ann", "Bob"] }]);
    });
  });
}

test("Ctrl-C ends the chat although people are in it", async () => {
  const chat = await startChat();
  const ann = await person(chat.url, transports["WebSocket only"]);
  const gone = new Promise((resolve) => ann.socket.once("disconnect", resolve));
  assert.equal(await chat.stop("SIGINT"), 0);
  await gone;
});

test("a port that is none is an error and no panic", async () => {
  await assert.rejects(startChat({ port: "http" }), (error) => /ended with 1/.test(error.message) && !/panicked/.test(error.message));
});
