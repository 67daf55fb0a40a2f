// What the chat keeps: over a restart without a warning, and no more than it should.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, appendFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { startChat } from "./chat-server.mjs";
import { person, transports } from "./person.mjs";

const code = ([answer]) => answer?.error?.code;
const key = (of) => `the secret key of ${of}`;
const texts = (messages = []) => messages.map(({ text, image }) => text ?? image.name);
const image = (name, bytes) => ({ name, bytes: Buffer.alloc(bytes, name) });

/** What the server complains of comes through another pipe than its address. */
async function complaint(chat) {
  while (!chat.complaint()) await new Promise((resolve) => setTimeout(resolve, 10));
  return chat.complaint();
}

async function enter(chat, login, options = transports["WebSocket only"]) {
  const one = await person(chat.url, options);
  const [welcome] = await one.ask("login", login);
  assert.equal(welcome.error, undefined, JSON.stringify(welcome));
  return Object.assign(one, { welcome, acknowledges: true });
}

describe("a history file", () => {
  const folder = mkdtempSync(join(tmpdir(), "chat-"));
  let file, chat, runs = 0;
  const people = [];
  const start = async () => { chat = await startChat({ env: { HISTORY_FILE: file } }); };
  const restart = async () => { await chat.stop("SIGKILL"); await start(); };
  const come = async (name, options) => {
    people.push(await enter(chat, { id: name, key: key(name) }, options));
    return people.at(-1);
  };
  beforeEach(async () => {
    await chat?.stop();
    runs += 1;
    file = join(folder, `${runs}.jsonl`);
    await start();
  });
  after(async () => {
    for (const one of people) one.leave();
    await chat?.stop();
    rmSync(folder, { recursive: true });
  });

  test("nothing that was acknowledged is lost when the server is killed, and nothing is there twice", async () => {
    const names = ["Ann", "Bob", "Cid"];
    const acked = Object.fromEntries(names.map((name) => [name, []]));
    let last = 0;
    for (const [round, options] of Object.values(transports).entries()) {
      const writers = await Promise.all(names.map((name) => come(name, options)));
      let isOver = false;
      const writing = writers.map(async (one, who) => {
        for (let count = 0; !isOver && count < 100; count += 1) {
          const text = `${names[who]} ${round} ${count}`;
          const answer = await one.ask("private", { to: names[who], text, tag: text }).catch(() => null);
          if (answer?.[0]?.id) acked[names[who]].push(text);
        }
      });
      while (Math.min(...names.map((name) => acked[name].length)) < 12 * (round + 1)) await writers[0].insist("rtt");
      await chat.stop("SIGKILL");
      isOver = true;
      for (const one of writers) one.leave();
      await Promise.all(writing);
      await start();
      for (const name of names) {
        const { welcome } = await come(name);
        const kept = welcome.history[`@${name}`];
        assert.deepEqual(texts(kept).filter((text) => acked[name].includes(text)), acked[name].slice(-kept.length).filter((text) => texts(kept).includes(text)));
        for (const text of acked[name].slice(-20)) assert.equal(texts(kept).filter((one) => one === text).length, 1, text);
        assert.ok(kept.every(({ id }, at) => at === 0 || id > kept[at - 1].id));
        // What was sent and not acknowledged may be there or not: the retry makes sure that it is, once.
        const text = acked[name].at(-1);
        const [{ id }] = await people.at(-1).insist("private", { to: name, text, tag: text });
        assert.equal(id, kept.findLast((one) => one.text === text).id);
        const [next] = await people.at(-1).insist("private", { to: name, text: `next ${round}` });
        assert.ok(next.id > Math.max(last, kept.at(-1).id));
        last = next.id;
        acked[name].push(`next ${round}`);
      }
    }
  });

  test("texts, images, groups and private conversations are there again, for those who may see them", async () => {
    const [ann, bob] = [await come("Ann"), await come("Bob")];
    const bytes = Buffer.from(Array.from({ length: 3_000 }, (_, at) => at % 256));
    await ann.ask("sendMsg", { newAccount: "to all <b>\n\u2028\u0000\"\\" });
    await ann.ask("join", { room: "den" });
    await ann.ask("group", { room: "den", text: "to the den" });
    await bob.ask("private", { to: "Ann", text: "to Ann" });
    await ann.ask("image", { room: "@Bob", name: "all.bytes", bytes, tag: "i1" });
    await restart();
    for (const login of [{ id: "Ann" }, { id: "ann", key: key("a thief") }, { id: "BOB" }]) {
      const thief = await person(chat.url, transports["WebSocket only"]);
      assert.equal(code(await thief.ask("login", login)), "name_taken", "the file knows whose name it is");
      thief.leave();
    }
    const { welcome, ...again } = await come("Ann");
    assert.deepEqual(texts(welcome.history.everyone), ["to all <b>\n\u2028\u0000\"\\"]);
    assert.deepEqual(Object.keys(welcome.history).sort(), ["@Bob", "everyone"]);
    const [first, second] = welcome.history["@Bob"];
    assert.deepEqual([first.text, first.room, second.tag], ["to Ann", "@Bob", "i1"]);
    assert.ok(bytes.equals(second.image.bytes));
    assert.deepEqual(texts((await again.ask("join", { room: "den" }))[0].history), ["to the den"]);
    assert.deepEqual(Object.keys((await come("Cid")).welcome.history), ["everyone"]);
  });

  test("half a line, as a crash leaves it, is skipped with a message, and spoils nothing else", async () => {
    const ann = await come("Ann");
    for (const newAccount of ["one", "two"]) await ann.ask("sendMsg", { newAccount });
    await chat.stop("SIGKILL");
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, whole.length - 9));
    await start();
    assert.match(await complaint(chat), /a damaged line of the history is skipped/);
    const again = await come("Ann");
    assert.deepEqual(texts(again.welcome.history.everyone), ["one"]);
    await again.ask("sendMsg", { newAccount: "three" });
    await chat.stop("SIGKILL");
    appendFileSync(file, Buffer.from([10, 0xff, 0xfe, 123]));
    await start();
    assert.match(await complaint(chat), /a damaged line/);
    assert.deepEqual(texts((await come("Ann")).welcome.history.everyone), ["one", "three"]);
    await restart();
    assert.equal(chat.complaint(), "", "it has been written anew, without what was damaged");
  });

  test("the file is written anew at the start, with what is kept", async () => {
    for (let at = 0; at < 7; at += 1) { // on another connection each time, for its burst
      const ann = await come("Ann");
      const answers = await Promise.all(Array.from({ length: 35 }, () => ann.ask("private", { to: "Ann", text: "x".repeat(2_000) })));
      assert.ok(answers.every((answer) => code(answer) === undefined));
    }
    const before = statSync(file).size;
    await restart();
    assert.equal(statSync(file).mode & 0o777, 0o600, "nobody else on the machine reads it");
    assert.ok(statSync(file).size < before / 2, `${before} bytes were written, ${statSync(file).size} are kept`);
    assert.equal((await come("Ann")).welcome.history["@Ann"].length, 50);
  });

  test("1,000 conversations are kept, and those that were not used for longest go first", async () => {
    const ann = await come("Ann");
    await ann.ask("join", { room: "room 0" });
    await ann.ask("group", { room: "room 0", text: "text 0" });
    await chat.stop("SIGKILL");
    const line = readFileSync(file, "utf8").trim();
    const { message: { id } } = JSON.parse(line);
    const other = (at) => line.replaceAll(String(id), String(id + at)).replaceAll("room 0", `room ${at}`).replaceAll("text 0", `text ${at}`);
    appendFileSync(file, Array.from({ length: 1_009 }, (_, at) => `\n${other(at + 1)}`).join(""));
    await start();
    const again = await come("Ann");
    const history = async (at) => {
      const [joined] = await again.insist("join", { room: `room ${at}` });
      await again.insist("leave", { room: `room ${at}` });
      return texts(joined.history);
    };
    for (const [at, there] of [[0, []], [9, []], [10, ["text 10"]], [1_009, ["text 1009"]]]) assert.deepEqual(await history(at), there);
    const [{ id: next }] = await again.insist("sendMsg", { newAccount: "one more conversation" });
    assert.ok(next > id + 1_009, "ids go on from the newest, wherever the clock stands");
    for (const [at, there] of [[10, []], [11, ["text 11"]]]) assert.deepEqual(await history(at), there);
  });

  test("a second server does not touch the file of the first", async () => {
    const ann = await come("Ann");
    await ann.ask("sendMsg", { newAccount: "mine" });
    const before = readFileSync(file);
    await assert.rejects(startChat({ env: { HISTORY_FILE: file } }), /ended with 1/);
    assert.deepEqual(readFileSync(file), before);
    await ann.ask("sendMsg", { newAccount: "mine again" });
    await restart();
    assert.deepEqual(texts((await come("Ann")).welcome.history.everyone), ["mine", "mine again"]);
  });

  test("what can't be written is refused and not sent, and nothing else is lost by it", async () => {
    await chat.stop();
    const within = ["bash", "-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\""]; // 16 KiB in one file
    chat = await startChat({ env: { HISTORY_FILE: file }, within });
    const [ann, bob] = [await come("Ann"), await come("Bob")];
    const acked = [];
    let answer;
    for (let at = 0; at < 20; at += 1) {
      const text = `${at} ${"x".repeat(1_500)}`;
      answer = await ann.ask("private", { to: "Bob", text });
      if (answer[0].error) break;
      acked.push(text);
    }
    assert.equal(code(answer), "internal");
    assert.match(await complaint(chat), /"private": .*File too large/);
    await bob.ask("rtt");
    assert.deepEqual(texts(bob.heard("message").map(([message]) => message)), acked);
    await restart();
    assert.match(await complaint(chat), /a damaged line/, "half of what was refused");
    assert.deepEqual(texts((await come("Bob")).welcome.history["@Ann"]), acked);
  });

  test("a file that can't be opened ends the server at its start, without a panic", async () => {
    const failed = startChat({ env: { HISTORY_FILE: folder } });
    await assert.rejects(failed, ({ message }) => /ended with 1/.test(message) && !/panicked/.test(message));
  });
});

describe("limits", () => {
  let chat;
  before(async () => { chat = await startChat(); });
  after(async () => { await chat?.stop(); });

  test("16 MB of images are kept, the newest, and an answer has 4 MB of them", async () => {
    const ann = await enter(chat, { id: "Ann", key: key("Ann") });
    for (let album = 1; album <= 5; album += 1) {
      await ann.insist("join", { room: `album ${album}` });
      for (let at = 1; at <= 4; at += 1) await ann.insist("image", { room: `#album ${album}`, ...image(`${at}`, 900_000) });
      await ann.insist("group", { room: `album ${album}`, text: "beautiful" });
    }
    const reader = await enter(chat, { id: "Reader" });
    const kept = [];
    for (let album = 1; album <= 5; album += 1) {
      const [{ history }] = await reader.insist("join", { room: `album ${album}` });
      kept.push(texts(history).join(" "));
    }
    const all = "1 2 3 4 beautiful";
    assert.deepEqual(kept, ["4 beautiful", all, all, all, all], "17 of 20 fit");
    for (let at = 5; at <= 6; at += 1) await ann.insist("image", { room: "#album 5", ...image(`${at}`, 900_000) });
    const [{ history }] = await reader.insist("join", { room: "album 5" });
    assert.deepEqual(texts(history), ["3", "4", "beautiful", "5", "6"]);
    for (const one of [ann, reader]) one.leave();
  });

  test("1,000 names are kept, and the one that was not used for longest goes first", async () => {
    const stay = await enter(chat, { id: "Stay", key: key("Stay") });
    const visit = async (name) => (await enter(chat, { id: name, key: key(name) })).leave();
    await visit("first");
    await stay.next("users", (users) => users.includes("first"));
    await stay.next("users", (users) => !users.includes("first"));
    for (let at = 0; at < 1_000; at += 50) await Promise.all(Array.from({ length: 50 }, (_, one) => visit(`name ${at + one}`)));
    const thief = async (id) => {
      const one = await person(chat.url, transports["WebSocket only"]);
      const answer = await one.ask("login", { id, key: key("a thief") });
      one.leave();
      return code(answer);
    };
    assert.equal(await thief("Stay"), "name_taken", "who is online keeps the name");
    assert.equal(await thief("name 999"), "name_taken");
    assert.equal(await thief("first"), undefined);
    stay.leave();
  });

  test("in a crowd everybody gets every message, and its author hears of all who have acknowledged it", async () => {
    const crowd = await Promise.all(Array.from({ length: 25 }, (_, at) => enter(chat, { id: `crowd ${at}` })));
    const [ann, ...others] = crowd;
    await ann.ask("sendMsg", { newAccount: "hello, crowd", tag: "mine" });
    for (const one of others) {
      const [message] = await one.next("message");
      assert.deepEqual([message.text, message.room, message.tag], ["hello, crowd", "everyone", undefined]);
    }
    assert.equal((await ann.next("message"))[0].tag, "mine");
    assert.equal((await ann.next("delivered"))[0].count, 24);
    for (const one of crowd) one.leave();
  });

  test("pages that never acknowledge anything get every message, and there is a limit to waiting for them", async () => {
    const bob = await enter(chat, { id: "Bob", key: key("Bob") });
    const mute = await enter(chat, { id: "Mute", key: key("Mute") });
    mute.acknowledges = false;
    let ann;
    for (let at = 0; at < 280; at += 35) { // on another connection each time, for its burst
      ann = await enter(chat, { id: "Ann", key: key("Ann") });
      const answers = await Promise.all(Array.from({ length: 35 }, (_, one) => ann.ask("private", { to: "Mute", text: `${at + one}` })));
      assert.ok(answers.every((answer) => code(answer) === undefined));
    }
    await mute.next("message", ({ text }) => text === "279");
    assert.deepEqual(texts(mute.heard("message").map(([message]) => message)), Array.from({ length: 280 }, (_, at) => `${at}`));
    await ann.insist("private", { to: "Bob", text: "without a tick" });
    await bob.next("message", ({ text }) => text === "without a tick");
    for (const one of [bob, ann]) await one.insist("rtt");
    assert.deepEqual(ann.heard("delivered"), []);
    mute.leave(); // with the connection, the waiting ends
    await ann.next("users", (users) => !users.includes("Mute"));
    const [{ id }] = await ann.insist("private", { to: "Bob", text: "with a tick" });
    assert.deepEqual(await ann.next("delivered"), [{ room: "@Bob", id, count: 1 }]);
    for (const one of [ann, bob]) one.leave();
  });
});
