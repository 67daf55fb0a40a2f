// The chat in browsers of other engines than Chromium's: what depends on the browser rather than on the page.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { startChat } from "../chat-server.mjs";
import { person, transports } from "../person.mjs";
import { engines } from "./engines.mjs";
import { visit } from "./visitor.mjs";

const sha = (bytes) => createHash("sha256").update(bytes).digest("hex");

for (const [engine, open] of Object.entries(engines)) {
  describe(engine, () => {
    let browser, chat, ann, bob;
    before(async () => {
      browser = await open();
      chat = await startChat();
    });
    after(async () => {
      await browser?.close();
      await chat?.stop();
    });

    test("two people enter, see each other, and read what the other says", async (t) => {
      [ann, bob] = [await visit(browser, chat, "Ann"), await visit(browser, chat, "Bob")];
      t.diagnostic(`${engine} ${ann.page.version}`);
      await Promise.all([ann.sees("Bob"), bob.sees("Ann")]);
      await ann.say("Good evening!");
      await bob.say("Hello Ann.");
      for (const one of [ann, bob]) await one.reads("Ann: Good evening!", "Bob: Hello Ann.");
      for (const one of [ann, bob]) await one.faultless();
    });

    test("a private message is read by the one whom it is for, and by nobody else", async () => {
      const guest = await person(chat.url, transports["WebSocket only"]);
      await guest.ask("login", { id: "Guest" });
      await bob.open("@Ann");
      await bob.say("Tea later?");
      await ann.open("@Bob");
      await ann.reads("Bob: Tea later?");
      await bob.state("delivered");
      await guest.ask("rtt");
      assert.deepEqual(guest.heard("message"), []);
      guest.leave();
      for (const one of [ann, bob]) await one.open("everyone");
      await bob.sees("Ann");
    });

    for (const [choice, way, shown] of [
      ["websocket", "a WebSocket", "WebSocket"],
      ["polling", "long polling alone", "Long polling"],
      ["upgrade", "polling that is upgraded to a WebSocket", "WebSocket"],
    ]) {
      test(`over ${way}, texts go both ways and a big image arrives as it was`, async () => {
        const guest = await person(chat.url, transports["WebSocket only"]);
        await guest.ask("login", { id: "Guest" });
        await ann.travel(choice);
        if (choice === "upgrade") await ann.page.until("the upgrade", () => document.getElementById("frames").textContent.includes("upgraded to websocket"));
        assert.equal(await ann.transport(), shown);
        await ann.say(`from Ann over ${choice}`);
        await bob.say(`from Bob over ${choice}`);
        for (const one of [ann, bob]) for (const name of ["Ann", "Bob"]) await one.hears(`from ${name} over ${choice}`);
        const sent = await ann.drop(`${choice}.png`, 460, 460);
        assert.ok(sent.bytes > 800_000 && sent.bytes <= 900_000, `${sent.bytes} bytes`);
        await ann.page.until("a preview", () => document.querySelector("#previews li"));
        await ann.send();
        const [{ image }] = await guest.next("message", ({ image }) => image);
        assert.deepEqual([image.bytes.length, sha(image.bytes)], [sent.bytes, sent.digest]);
        for (const one of [ann, bob]) await one.page.until("the image", (alt) =>
          [...document.querySelectorAll(".log img")].some((shown) => shown.alt === alt && shown.complete && shown.naturalWidth === 460), `${choice}.png`);
        guest.leave();
        await ann.picture(`${engine}, ${choice}`);
        for (const one of [ann, bob]) await one.faultless();
      });
    }

    test("when the server falls and comes back, what was written meanwhile arrives", async () => {
      await chat.stop();
      for (const one of [ann, bob]) await one.offline();
      await ann.say("written without a server");
      await ann.state("waiting");
      await ann.picture(`${engine}, no connection`);
      chat = await startChat({ port: chat.port });
      for (const one of [ann, bob]) await one.online();
      await bob.hears("written without a server");
    });

    test("who goes to another page has left, and is back with the browser's way back", async (t) => {
      await ann.page.evaluate(() => addEventListener("pageshow", ({ persisted }) => { window.isKept = persisted; }));
      await ann.page.goto(`${chat.url}/icon.svg`);
      await bob.sees();
      await ann.page.back();
      await ann.online();
      t.diagnostic(`the page was ${await ann.page.evaluate(() => Boolean(window.isKept)) ? "kept" : "loaded anew"}`);
      await Promise.all([ann.sees("Bob"), bob.sees("Ann")]);
      await bob.say("Welcome back.");
      await ann.hears("Welcome back.");
    });

    test("after a reload somebody is who they were, and who closes the window has left", async () => {
      await bob.page.evaluate(() => { setTimeout(() => location.reload()); window.isOld = true; });
      await bob.page.until("the page anew", () => !window.isOld && document.body?.dataset.status === "online");
      assert.equal(await bob.page.evaluate(() => document.getElementById("me").textContent), "Bob");
      await ann.sees("Bob");
      await bob.travel("polling"); // where no closing handshake tells of it
      await bob.waitsForNews();
      await ann.sees("Bob");
      await bob.page.close();
      await ann.sees();
    });
  });
}
