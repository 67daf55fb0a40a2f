// The chat's events, on the official client, over each transport.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { startChat } from "./chat-server.mjs";
import { person, transports } from "./person.mjs";

const code = ([answer]) => answer?.error?.code;
const key = (of) => `the secret key of ${of}`;
const texts = (messages) => messages.map(({ text }) => text);
const gone = ({ socket }) => new Promise((resolve) => socket.once("disconnect", resolve));

for (const [title, options] of Object.entries(transports)) {
  describe(title, () => {
    let chat, ann, bob, guest; // Ann and Bob have keys, the guest has no name
    const come = async () => Object.assign(await person(chat.url, options), { acknowledges: true });
    const enter = async (login) => {
      const one = await come();
      const [welcome] = await one.ask("login", login);
      assert.equal(welcome.error, undefined, JSON.stringify(welcome));
      return Object.assign(one, { welcome });
    };
    /** Leaves, and waits until the name is seen to be gone. */
    const depart = async (one) => {
      await ann.insist("rtt"); // behind all that was announced before
      ann.forget();
      one.leave();
      await ann.next("users", (users) => !users.includes(one.welcome.name));
    };
    const history = async (login) => {
      const one = await enter(login);
      await depart(one);
      return one.welcome.history;
    };
    before(async () => {
      chat = await startChat();
      guest = await come();
      ann = await enter({ id: "Ann", key: key("Ann") });
      bob = await enter({ id: "Bob", key: key("Bob") });
    });
    after(async () => {
      for (const one of [ann, bob, guest]) one?.leave();
      await chat?.stop();
    });
    // An answer comes behind whatever was sent before it, so nothing of an earlier test is under way then.
    beforeEach(async () => {
      for (const one of [ann, bob, guest]) { await one.insist("rtt"); one.forget(); }
    });

    test("login answers with everything there is to know, and tells everybody who is online", async () => {
      const zoe = await come();
      const welcome = { name: "Zoe", users: ["Ann", "Bob", "Zoe"], groups: {}, history: { everyone: [] } };
      assert.deepEqual(await zoe.ask("login", { id: "Zoe" }), [{ id: zoe.id, ...welcome }]);
      for (const one of [ann, bob, guest, zoe]) assert.deepEqual(await one.next("users"), [welcome.users]);
      assert.deepEqual(await zoe.ask("login", { id: "Zoe" }), [{ id: zoe.id, ...welcome }], "the same again");
      zoe.leave();
      for (const one of [ann, guest]) assert.deepEqual(await one.next("users", (users) => users.length === 2), [["Ann", "Bob"]]);
    });

    test("a name that is taken or bad is refused with a code, and so is a second name", async () => {
      for (const id of ["Ann", "ann", "ANN", "aNN"]) assert.equal(code(await guest.insist("login", { id })), "name_taken", id);
      const bad = [
        "", "   ", " Ann", "Ann\n", "a".repeat(33), "\u0000", "a\u202eb", "A\u200bnn", "Ann\u00ad", "\u3164", "Ann\ufe0f", "\u{e0041}",
        "_AAAAAAAAAAAAAAAAAAA", ann.id,
      ];
      for (const id of bad) assert.equal(code(await guest.insist("login", { id })), "bad_name", JSON.stringify(id));
      assert.equal(code(await ann.insist("login", { id: "Anna" })), "already_logged_in");
      assert.equal(code(await guest.insist("rtt")), undefined);
      assert.deepEqual((await ann.insist("login", { id: "Ann" }))[0].users, ["Ann", "Bob"]);
    });

    test("names are shown as they were written, whatever is in them", async () => {
      for (const id of ["<b>x</b>", "__proto__", "constructor", "everyone", "#garden", "@Bob", "O’Neil", "عربى", "🐌".repeat(32)]) {
        const odd = await enter({ id, key: key(id) });
        assert.ok(odd.welcome.users.includes(id));
        assert.ok((await odd.insist("private", { to: "Bob", text: "from afar" }))[0].id > 0);
        assert.equal((await bob.next("message", ({ from }) => from === id))[0].text, "from afar");
        assert.ok((await bob.insist("private", { to: id.toLowerCase(), text: `to ${id}` }))[0].id > 0);
        assert.equal((await odd.next("message", ({ from }) => from === "Bob"))[0].text, `to ${id}`);
        await depart(odd);
        const again = await enter({ id, key: key(id) });
        assert.deepEqual(texts(again.welcome.history["@Bob"]), ["from afar", `to ${id}`]);
        await depart(again);
      }
    });

    test("nothing but login and rtt works without a name", async () => {
      const asked = {
        sendMsg: { newAccount: "hi" }, private: { to: "Ann", text: "hi" }, join: { room: "garden" }, leave: { room: "garden" },
        group: { room: "garden", text: "hi" }, image: { name: "a.png", bytes: Buffer.from([1]) }, typing: { room: "everyone" },
      };
      for (const [event, payload] of Object.entries(asked)) {
        assert.equal(code(await guest.insist(event, payload)), "not_logged_in", event);
      }
      assert.deepEqual(await guest.ask("rtt"), []);
    });

    test("sendMsg reaches everybody who has a name, and the tutorial's two events reach everybody", async () => {
      const earlier = Date.now();
      const [{ id, at }, ...rest] = await ann.ask("sendMsg", { newAccount: "hello, all", tag: "Ann's first" });
      assert.deepEqual(rest, []);
      assert.ok(id >= earlier && Math.abs(at - earlier) < 60_000, `${id} and ${at} begin with the clock`);
      const message = { id, room: "everyone", from: "Ann", at, text: "hello, all" };
      assert.deepEqual(await ann.next("message"), [{ ...message, tag: "Ann's first" }]);
      assert.deepEqual(await bob.next("message"), [message]);
      for (const one of [ann, bob, guest]) {
        assert.deepEqual(await one.next("msg1"), ["I come from the server"]);
        assert.deepEqual(await one.next("allmessage"), ["hello, all"]);
      }
      const [second] = await bob.ask("sendMsg", { newAccount: "and you" });
      assert.ok(second.id > id);
      await guest.next("allmessage");
      assert.deepEqual(guest.heard("message"), []);
    });

    test("a private message reaches one person, whatever the case of the name, and is kept for who is away", async () => {
      const carl = await enter({ id: "Carl", key: key("Carl") });
      const [{ id, at }] = await ann.ask("private", { to: "bOB ", text: "psst", tag: "p1" });
      assert.deepEqual(await bob.next("message"), [{ id, room: "@Ann", from: "Ann", at, text: "psst" }]);
      assert.deepEqual(await ann.next("message"), [{ id, room: "@Bob", from: "Ann", at, text: "psst", tag: "p1" }]);
      for (const to of ["nobody", "", guest.id, ann.id, "garden"]) {
        assert.equal(code(await ann.insist("private", { to, text: "psst" })), "no_such_person", to);
      }
      await depart(carl);
      assert.ok((await ann.ask("private", { to: "Carl", text: "while you were out" }))[0].id > id);
      await guest.ask("rtt");
      assert.deepEqual(carl.heard("message").concat(guest.heard("message")), []);
      const all = await history({ id: "Carl", key: key("Carl") });
      assert.deepEqual(texts(all["@Ann"]), ["while you were out"]);
      assert.deepEqual(Object.keys(all).sort(), ["@Ann", "everyone"]);
    });

    test("somebody can write to themselves", async () => {
      const [{ id, at }] = await ann.ask("private", { to: "Ann", text: "milk" });
      assert.deepEqual(await ann.next("message"), [{ id, room: "@Ann", from: "Ann", at, text: "milk" }]);
      await ann.ask("rtt");
      assert.equal(ann.heard("message").filter(([message]) => message.id === id).length, 1);
    });

    test("a group's messages reach those who joined, until they leave, and its history whoever joins", async () => {
      const garden = (text) => ({ room: "garden", text });
      assert.equal(code(await ann.insist("group", garden("anybody?"))), "not_in_room");
      assert.deepEqual(await ann.insist("join", { room: "garden" }), [{ room: "garden", history: [] }]);
      const [{ id, at }] = await ann.insist("group", { ...garden("roses"), tag: "g1" });
      const message = { id, room: "#garden", from: "Ann", at, text: "roses" };
      assert.deepEqual(await ann.next("message"), [{ ...message, tag: "g1" }]);
      assert.deepEqual(await bob.insist("join", { room: "garden" }), [{ room: "garden", history: [message] }]);
      await bob.insist("group", garden("tulips"));
      for (const one of [ann, bob]) assert.equal((await one.next("message"))[0].text, "tulips");
      const visitor = await enter({ id: "Visitor" });
      assert.deepEqual(visitor.welcome.groups, { garden: 2 });
      await depart(visitor);
      assert.deepEqual(await bob.insist("leave", { room: "garden" }), []);
      assert.equal(code(await bob.insist("group", garden("still here?"))), "not_in_room");
      await ann.insist("group", garden("weeds"));
      await bob.insist("rtt");
      assert.deepEqual(texts(bob.heard("message").map(([one]) => one)).includes("weeds"), false);
      assert.deepEqual(guest.heard("message"), []);
      await ann.insist("leave", { room: "garden" });
      const late = await enter({ id: "Late" });
      assert.deepEqual(late.welcome.groups, {}, "nobody is in it any more");
      assert.deepEqual(Object.keys(late.welcome.history), ["everyone"], "and nobody hears of it who is not");
      assert.deepEqual(texts((await late.insist("join", { room: "garden" }))[0].history), ["roses", "tulips", "weeds"]);
      await depart(late);
    });

    test("nobody's own room and nobody's id is a group", async () => {
      for (const room of [ann.id, "_AAAAAAAAAAAAAAAAAAA"]) assert.equal(code(await bob.insist("join", { room })), "bad_request");
      for (const room of ["@ann", "everyone"]) await bob.insist("join", { room });
      await ann.insist("private", { to: "Carl", text: "for Carl alone" });
      for (const room of ["@ann", "everyone"]) await bob.insist("leave", { room });
      assert.deepEqual(bob.heard("message").filter(([{ text }]) => text === "for Carl alone"), []);
      await bob.insist("leave", { room: "everyone" });
      await ann.insist("sendMsg", { newAccount: "you can't leave everyone" });
      await bob.next("message", ({ text }) => text === "you can't leave everyone");
    });

    test("somebody can be in 8 groups and not in 9", async () => {
      for (let room = 1; room <= 8; room += 1) assert.equal(code(await bob.insist("join", { room: `room ${room}` })), undefined);
      assert.equal(code(await bob.insist("join", { room: "room 9" })), "too_many_rooms");
      assert.equal(code(await bob.insist("join", { room: "room 8" })), undefined, "already there");
      for (let room = 1; room <= 8; room += 1) assert.deepEqual(await bob.insist("leave", { room: `room ${room}` }), []);
    });

    test("an image is binary on the way in and on the way out, in every kind of conversation", async () => {
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, at) => at % 256));
      for (const one of [ann, bob]) await one.insist("join", { room: "pictures" });
      for (const [room, mine, theirs] of [[undefined, "everyone", "everyone"], ["#pictures", "#pictures", "#pictures"], ["@Bob", "@Bob", "@Ann"]]) {
        const [{ id, at }] = await ann.insist("image", { room, name: "all.bytes", bytes, tag: `image ${mine}` });
        for (const [one, room] of [[ann, mine], [bob, theirs]]) {
          const [message] = await one.next("message");
          assert.deepEqual({ ...message, tag: 0, image: 0 }, { id, room, from: "Ann", at, tag: 0, image: 0 });
          assert.equal(message.image.name, "all.bytes");
          assert.ok(Buffer.isBuffer(message.image.bytes) && bytes.equals(message.image.bytes));
        }
      }
      assert.equal(code(await ann.insist("image", { room: "#nowhere", name: "a", bytes })), "not_in_room");
      assert.equal(code(await ann.insist("image", { room: "nowhere", name: "a", bytes })), "not_in_room");
      assert.equal(code(await ann.insist("image", { room: "@nobody", name: "a", bytes })), "no_such_person");
      const [joined] = await ann.insist("join", { room: "pictures" });
      assert.ok(bytes.equals(joined.history.at(-1).image.bytes));
      for (const one of [ann, bob]) await one.insist("leave", { room: "pictures" });
    });

    test("an image has at most 900,000 bytes", async () => {
      assert.ok((await ann.insist("image", { name: "big.png", bytes: Buffer.alloc(900_000, 1) }))[0].id);
      assert.equal((await bob.next("message"))[0].image.bytes.length, 900_000);
      assert.equal(code(await ann.insist("image", { name: "bigger.png", bytes: Buffer.alloc(900_001) })), "bad_request");
    });

    test("a retry with the same tag gets the first answer and sends nothing twice", async () => {
      await ann.insist("join", { room: "echo" });
      const sent = [
        ["sendMsg", { newAccount: "once", tag: "t1" }], ["private", { to: "Bob", text: "once", tag: "t2" }],
        ["group", { room: "echo", text: "once", tag: "t3" }], ["image", { name: "once.png", bytes: Buffer.from([1]), tag: "t4" }],
      ];
      for (const [event, payload] of sent) {
        const first = await ann.insist(event, payload);
        assert.deepEqual(await ann.insist(event, payload), first, event);
      }
      ann.leave();
      ann = await enter({ id: "Ann", key: key("Ann") });
      assert.ok((await ann.ask("sendMsg", sent[0][1]))[0].id < (await ann.ask("sendMsg", { newAccount: "new", tag: "t5" }))[0].id);
      assert.ok((await bob.insist("sendMsg", { newAccount: "Bob's", tag: "t1" }))[0].id, "another's tag is another tag");
      await bob.next("message", ({ text }) => text === "Bob's");
      await guest.next("allmessage", (text) => text === "Bob's");
      const seen = (one) => one.heard("message").map(([{ text, image, room }]) => `${text ?? image.name} ${room}`);
      const mark = (one) => seen(one).slice(-5);
      assert.deepEqual(mark(bob), ["once everyone", "once @Ann", "once.png everyone", "new everyone", "Bob's everyone"]);
      assert.deepEqual(guest.heard("allmessage").slice(-3), [["once"], ["new"], ["Bob's"]]);
      await ann.insist("leave", { room: "echo" });
    });

    test("the author hears how many pages have acknowledged a message", async () => {
      const [everyone] = await ann.ask("sendMsg", { newAccount: "tick" });
      assert.deepEqual(await ann.next("delivered"), [{ room: "everyone", id: everyone.id, count: 1 }]);
      const carl = await enter({ id: "Carl", key: key("Carl") });
      const [both] = await ann.ask("sendMsg", { newAccount: "tick" });
      assert.deepEqual(await ann.next("delivered"), [{ room: "everyone", id: both.id, count: 2 }]);
      const [own] = await ann.ask("private", { to: "carl", text: "tick" });
      assert.deepEqual(await ann.next("delivered"), [{ room: "@Carl", id: own.id, count: 1 }]);
      carl.acknowledges = false;
      const [unseen] = await ann.ask("private", { to: "carl", text: "no tick" });
      await carl.next("message", ({ id }) => id === unseen.id);
      await depart(carl); // the wait ends with the connection
      await ann.ask("private", { to: "carl", text: "no tick" });
      const [last] = await ann.ask("sendMsg", { newAccount: "tick" });
      await ann.next("delivered", ({ id }) => id === last.id);
      assert.deepEqual(ann.heard("delivered").filter(([{ id }]) => id === unseen.id), []);
    });

    test("typing is told to the others in the conversation", async () => {
      for (const one of [ann, bob]) await one.insist("join", { room: "den" });
      for (const [room, theirs] of [["everyone", "everyone"], ["#den", "#den"], ["@bob", "@Ann"]]) {
        // It is volatile: whoever polls and has no request waiting misses it.
        let isHeard = false;
        const heard = bob.next("typing").then((args) => { isHeard = true; return args; });
        while (!isHeard) {
          assert.deepEqual(await ann.insist("typing", { room }), []);
          await new Promise((resolve) => setTimeout(resolve, 60));
        }
        assert.deepEqual(await heard, [{ room: theirs, from: "Ann" }]);
        await bob.insist("rtt");
        bob.forget();
      }
      assert.equal(code(await ann.insist("typing", { room: "#nowhere" })), "not_in_room");
      assert.equal(code(await ann.insist("typing", { room: "@nobody" })), "no_such_person");
      assert.deepEqual([...ann.heard("typing"), ...guest.heard("typing")], []);
      for (const one of [ann, bob]) await one.insist("leave", { room: "den" });
    });

    test("whoever has the key takes the name over, and nobody else ever does", async () => {
      const first = await enter({ id: "Dora", key: key("Dora") });
      const thief = await come();
      const refused = async () => {
        for (const login of [{ id: "Dora" }, { id: "dora", key: key("a thief") }]) {
          assert.equal(code(await thief.insist("login", login)), "name_taken");
        }
      };
      await refused();
      await ann.insist("private", { to: "Dora", text: "one" });
      const [ended, second] = await Promise.all([gone(first), enter({ id: "DORA", key: key("Dora") })]);
      assert.equal(ended, "io server disconnect");
      assert.equal(second.welcome.name, "Dora", "as it was written first");
      assert.deepEqual(second.welcome.users, ["Ann", "Bob", "Dora"]);
      assert.deepEqual(texts(second.welcome.history["@Ann"]), ["one"]);
      await ann.insist("private", { to: "Dora", text: "two" });
      assert.equal((await second.next("message"))[0].text, "two");
      assert.equal((await second.ask("sendMsg", { newAccount: "still me" })).length, 1);
      assert.equal((await bob.next("message", ({ text }) => text === "still me"))[0].from, "Dora");
      assert.deepEqual((await ann.insist("login", { id: "Ann" }))[0].users, ["Ann", "Bob", "Dora"], "the old connection took nothing along");
      await refused();
      await depart(second);
      await refused();
      assert.deepEqual(texts((await history({ id: "Dora", key: key("Dora") }))["@Ann"]), ["one", "two"]);
      thief.leave();
    });

    test("of many who come with one key at the same moment, one stays", async () => {
      const many = await Promise.all(Array.from({ length: 8 }, come));
      const ended = [];
      for (const one of many) one.socket.once("disconnect", (reason) => ended.push(reason));
      // Some are put out before they are answered.
      await Promise.all(many.map((one) => one.ask("login", { id: "Many", key: key("Many") }).catch(() => null)));
      while (ended.length < 7) await ann.insist("rtt");
      const [last, ...none] = many.filter(({ socket }) => socket.connected);
      assert.deepEqual([none.length, ended.every((reason) => reason === "io server disconnect")], [0, true]);
      await ann.insist("private", { to: "Many", text: "who is there?" });
      assert.equal((await last.next("message", ({ from }) => from === "Ann"))[0].text, "who is there?");
      assert.deepEqual((await last.insist("login", { id: "Many" }))[0].users, ["Ann", "Bob", "Many"]);
      await depart(Object.assign(last, { welcome: { name: "Many" } }));
    });

    test("a name without a key is free when its holder leaves, and what was private is not passed on", async () => {
      const eve = await enter({ id: "Eve" });
      await ann.insist("private", { to: "Eve", text: "between us" });
      await eve.insist("private", { to: "Ann", text: "and me" });
      await depart(eve);
      assert.equal(code(await ann.insist("private", { to: "Eve", text: "hello?" })), "no_such_person");
      for (const login of [{ id: "Eve" }, { id: "eve", key: key("another Eve") }]) {
        const other = await enter(login);
        assert.deepEqual(Object.keys(other.welcome.history), ["everyone"]);
        await depart(other);
      }
      ann.leave();
      ann = await enter({ id: "Ann", key: key("Ann") });
      assert.deepEqual(texts(ann.welcome.history["@Eve"]), ["between us", "and me"]);
    });

    test("history has the last 50 messages of each conversation, each in order, own tags included", async () => {
      const [fay, gus] = [await enter({ id: "Fay", key: key("Fay") }), await enter({ id: "Gus", key: key("Gus") })];
      const wrote = Array.from({ length: 56 }, (_, at) => `message ${at}`);
      for (const text of wrote) {
        await fay.insist("private", { to: "Gus", text, tag: text });
        if (text.endsWith("5")) await gus.insist("private", { to: "Fay", text: `re: ${text}` });
        if (text.endsWith("9")) await fay.insist("sendMsg", { newAccount: `public ${text}` });
      }
      const said = wrote.flatMap((text) => text.endsWith("5") ? [text, `re: ${text}`] : [text]).slice(-50);
      for (const one of [fay, gus]) await depart(one);
      const [hers, his] = [await history({ id: "Fay", key: key("Fay") }), await history({ id: "Gus", key: key("Gus") })];
      assert.deepEqual([texts(hers["@Gus"]), texts(his["@Fay"])], [said, said]);
      assert.deepEqual(hers["@Gus"].slice(-2).map(({ from, tag }) => [from, tag]), [["Fay", "message 55"], ["Gus", undefined]]);
      assert.ok(his["@Fay"].every(({ tag }) => tag === undefined));
      assert.deepEqual(texts(hers.everyone).slice(-5), [9, 19, 29, 39, 49].map((at) => `public message ${at}`));
      assert.ok(hers["@Gus"].every((message, at, all) => at === 0 || message.id > all[at - 1].id));
      ann = await enter({ id: "Ann", key: key("Ann") });
      assert.equal(ann.welcome.history["@Fay"], undefined);
    });

    test("one answer has at most ten images, the newest, since official clients take no more", async () => {
      await ann.insist("join", { room: "album" });
      for (let at = 0; at < 12; at += 1) {
        await ann.insist("image", { room: "#album", name: `${at}.png`, bytes: Buffer.from([at]) });
        await ann.insist("group", { room: "album", text: `${at}` });
      }
      const [{ history }] = await bob.insist("join", { room: "album" });
      assert.deepEqual(history.flatMap(({ image }) => image?.name ?? []), [2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((at) => `${at}.png`));
      assert.equal(history.flatMap(({ text }) => text ?? []).length, 12);
      for (const one of [ann, bob]) await one.insist("leave", { room: "album" });
    });

    test("payloads that do not fit are answered bad_request and reach nobody", async () => {
      const bytes = Buffer.from([1]);
      const bad = [
        ["login", undefined], ["login", {}], ["login", { id: 7 }], ["login", "Ann"],
        ["login", { id: "Hal", key: "a".repeat(15) }], ["login", { id: "Hal", key: "a".repeat(65) }],
        ["sendMsg", {}], ["sendMsg", { newAccount: "" }], ["sendMsg", { newAccount: "  " }], ["sendMsg", { newAccount: "a".repeat(2001) }],
        ["sendMsg", { newAccount: "a", tag: "" }], ["sendMsg", { newAccount: "a", tag: "a".repeat(65) }], ["sendMsg", { newAccount: "a", tag: 1 }],
        ["private", { to: "Ann" }], ["private", { text: "a" }], ["private", { to: "Ann", text: "a".repeat(2001) }],
        ["join", {}], ["join", { room: "" }], ["join", { room: "a".repeat(33) }], ["join", { room: ["garden"] }], ["join", { room: "a\u202eb" }],
        ["group", { room: "garden" }], ["typing", {}],
        ["image", { name: "a.png", bytes: "a string" }], ["image", { name: "", bytes }], ["image", { name: "a".repeat(101), bytes }],
        ["image", { name: "a.png", bytes: Buffer.alloc(0) }],
      ];
      for (const [event, payload] of bad) {
        assert.equal(code(await bob.insist(event, payload)), "bad_request", `${event} ${JSON.stringify(payload)?.slice(0, 60)}`);
      }
      await ann.insist("rtt");
      assert.deepEqual(ann.heard("message").filter(([{ text }]) => text?.startsWith("a")), []);
    });

    test("text arrives as it was written, whatever is in it", async () => {
      const written = ["a".repeat(2000), "🐌".repeat(2000), "<script>alert(1)</script>", "\u001e\"\\\u2028\u0000", "zwei\nZeilen", "عربى"];
      for (const newAccount of written) {
        await bob.insist("sendMsg", { newAccount });
        assert.equal((await ann.next("message"))[0].text, newAccount);
      }
      const all = await history({ id: "Reader" });
      assert.deepEqual(texts(all.everyone).slice(-written.length), written);
    });

    test("people who come and go at the same moment are announced in order", async () => {
      const names = Array.from({ length: 12 }, (_, at) => `crowd ${String(at).padStart(2, "0")}`);
      const crowd = await Promise.all(names.map(come));
      const answers = await Promise.all(crowd.map((one, at) => one.ask("login", { id: names[at] })));
      const all = ["Ann", "Bob", ...names].sort();
      await ann.next("users", (users) => users.length === all.length);
      assert.deepEqual(ann.heard("users").at(-1), [all], "the last list has everybody");
      assert.deepEqual(answers.map(([{ users }]) => users.length).sort((a, b) => a - b), names.map((_, at) => at + 3));
      await Promise.all(crowd.map((one, at) => one.ask("sendMsg", { newAccount: names[at] })));
      const order = (one) => texts(one.heard("message").map(([message]) => message)).filter((text) => text?.startsWith("crowd"));
      await Promise.all([...crowd, ann, bob].map(async (one) => { while (order(one).length < 12) await one.next("message"); }));
      for (const one of [...crowd, bob]) assert.deepEqual(order(one), order(ann), "everybody hears them in one order");
      const ids = ann.heard("message").map(([{ id }]) => id);
      assert.deepEqual(ids, [...ids].sort((a, b) => a - b), "which is that of their ids");
      ann.forget();
      for (const one of crowd) one.leave();
      await ann.next("users", (users) => users.length === 2);
      assert.deepEqual(ann.heard("users").at(-1), [["Ann", "Bob"]]);
    });

    test("who is too fast is told so, and nobody else notices", async () => {
      const fast = await enter({ id: "Flash" });
      const answers = await Promise.all(Array.from({ length: 100 }, () => fast.ask("rtt")));
      const refused = answers.filter((answer) => code(answer) === "too_fast").length;
      assert.ok(refused >= 30 && refused <= 62, `${refused} of 100 are refused`);
      assert.ok(answers.slice(0, 38).every((answer) => code(answer) === undefined), "a burst of 40 is fine, login and connection included");
      assert.equal(code(await ann.ask("rtt")), undefined);
      assert.equal(code(await fast.insist("sendMsg", { newAccount: "slower" })), undefined);
      await depart(fast);
    });

    test("too much in one message ends its sender's connection and nobody else's", async () => {
      const greedy = await enter({ id: "Greedy" });
      await ann.next("users", (users) => users.includes("Greedy"));
      const end = gone(greedy);
      greedy.socket.emit("image", { name: "huge.png", bytes: Buffer.alloc(1_400_000) });
      await end;
      assert.deepEqual(await ann.next("users", (users) => users.length === 2), [["Ann", "Bob"]]);
      await ann.insist("private", { to: "Bob", text: "did you see that?" });
      await bob.next("message", ({ text }) => text === "did you see that?");
      assert.equal(ann.heard("message").some(([{ from }]) => from === "Greedy"), false);
    });
  });
}

test("Ctrl-C ends the chat although people are in it", async () => {
  const chat = await startChat();
  const ann = await person(chat.url, transports["WebSocket only"]);
  const end = gone(ann);
  assert.equal(await chat.stop("SIGINT"), 0);
  await end;
});

test("a port that is none is an error and no panic", async () => {
  await assert.rejects(startChat({ port: "http" }), (error) => /ended with 1/.test(error.message) && !/panicked/.test(error.message));
});
