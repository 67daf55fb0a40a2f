// The chat's page in a real browser: three people, on the page's own client and on the official one.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { launch, watchedPage } from "./browser.mjs";
import { startChat } from "./chat-server.mjs";
import { person, transports } from "./person.mjs";
import { clients, keepScreenshot, picture, visitor, visitors } from "./user.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

for (const [client, query] of Object.entries(clients)) {
  describe(`on ${client}`, () => {
    let chat, ann, bob, eve, all;
    before(async () => {
      chat = await startChat();
      all = [ann, bob, eve] = await visitors(browser, chat, [null, null, null], { query });
    });
    after(async () => {
      await Promise.all((all ?? []).map(({ close }) => close()));
      await chat?.stop();
    });
    afterEach(() => { for (const one of all) one.faultless(); });

    test("the page runs on this client and on no other", async () => {
      for (const { page } of all) await page.locator("#enter:enabled").waitFor();
      assert.equal(await ann.page.evaluate(() => typeof window.io), query ? "function" : "undefined");
    });

    test("three people enter and see each other; a taken or bad name is refused with a word", async () => {
      await ann.enter("Ann");
      await ann.online();
      await ann.page.getByText("Nobody else is here yet").waitFor();
      for (const name of ["Ann", "ann", "x\u202ey"]) {
        await bob.enter(name);
        await bob.page.getByRole("alert").filter({ hasText: name === "x\u202ey" ? /./ : /taken/ }).waitFor();
      }
      await Promise.all([bob.enter("Bob"), eve.enter("Eve")]);
      await Promise.all([ann.sees("Bob", "Eve"), bob.sees("Ann", "Eve"), eve.sees("Ann", "Bob")]);
    });

    test("what one says in public all read, in one order, and so does an official client elsewhere", async () => {
      const guest = await person(chat.url, transports["WebSocket only"]);
      await ann.say("Good evening!", "Is everybody here?");
      assert.deepEqual([await guest.next("allmessage"), await guest.next("allmessage")], [["Good evening!"], ["Is everybody here?"]]);
      guest.leave();
      for (const one of all) await one.reads("Ann: Good evening!", "Ann: Is everybody here?");
      await bob.say("Hello Ann.");
      for (const one of all) await one.reads("Ann: Good evening!", "Ann: Is everybody here?", "Bob: Hello Ann.");
      await eve.preview("everyone", "Bob: Hello Ann.");
      await bob.preview("everyone", "You: Hello Ann.");
    });

    test("a message is ticked when the server has it, and again when others have it", async () => {
      await ann.state("Good evening!", "delivered");
      await ann.message("Good evening!").getByText("Delivered to 2", { exact: true }).waitFor({ state: "attached" });
      const guest = await person(chat.url, transports["WebSocket only"]);
      guest.acknowledges = false;
      await guest.ask("login", { id: "Mute" });
      await ann.open("@Mute");
      await ann.say("Do you hear me?");
      await guest.next("message");
      await ann.state("Do you hear me?", "sent");
      guest.leave();
      await ann.sees("Bob", "Eve");
      await ann.open("everyone");
    });

    test("who is typing is shown to the others until they have said it", async () => {
      await bob.text.pressSequentially("I am");
      for (const one of [ann, eve]) await one.page.getByText("Bob is typing").waitFor();
      await eve.text.pressSequentially("So am I");
      await ann.page.getByText("Bob and Eve are typing").waitFor();
      assert.equal(await bob.page.getByText("Bob is typing").count(), 0);
      for (const one of [bob, eve]) await one.text.press("Enter");
      await ann.page.locator("#typing").waitFor({ state: "hidden" });
    });

    test("a private message is read by two, and counted until it is", async () => {
      await ann.open("@Bob");
      await ann.say("Tea later?");
      await bob.unread("@Ann", 1);
      await bob.preview("@Ann", "Tea later?");
      assert.equal(await bob.page.title(), "(1) koio chat");
      await bob.open("@Ann");
      await bob.unread("@Ann", 0);
      await bob.page.waitForFunction(() => document.title === "koio chat");
      await bob.reads("Ann: Tea later?");
      await ann.state("Tea later?", "delivered");
      await bob.say("At five.");
      await ann.reads("Ann: Tea later?", "Bob: At five.");
      assert.equal(await eve.page.getByText("Tea later?").count(), 0);
    });

    test("somebody can be in several groups, and their messages reach those who joined", async () => {
      await ann.join("garden");
      await ann.page.getByText("Welcome to garden").waitFor();
      await ann.say("The roses are out.");
      await bob.join("garden");
      await bob.reads("Ann: The roses are out."); // what was said before they came
      await bob.say("And the tulips?");
      for (const one of [ann, bob]) await one.reads("Ann: The roses are out.", "Bob: And the tulips?");
      await ann.join("kitchen");
      await bob.say("They are.");
      await ann.unread("#garden", 1);
      await ann.preview("#garden", "Bob: They are.");
      await ann.open("#garden");
      await ann.page.getByText("New", { exact: true }).waitFor();
      await ann.reads("Ann: The roses are out.", "Bob: And the tulips?", "Bob: They are.");
      assert.equal(await eve.entry("#garden").count(), 0);
    });

    test("a group that somebody has left is silent for them", async () => {
      await ann.page.getByRole("button", { name: "Leave" }).click();
      await ann.page.getByRole("heading", { name: "Everyone" }).waitFor();
      assert.equal(await ann.entry("#garden").count(), 0);
      await bob.say("Ann has gone.");
      await bob.state("Ann has gone.", "sent");
      await ann.join("garden");
      await ann.reads("Ann: The roses are out.", "Bob: And the tulips?", "Bob: They are.", "Bob: Ann has gone.");
    });

    test("an image is sent as bytes, to one as to all, and shown from them", async () => {
      const guest = await person(chat.url, transports["WebSocket only"]);
      await guest.ask("login", { id: "Guest" });
      const file = await picture(ann, [420, 200]);
      for (const key of ["everyone", "@Guest"]) {
        await ann.open(key);
        await ann.pick(file);
        await ann.page.getByRole("list", { name: "Images to send" }).getByText("evening.png", { exact: true }).waitFor();
        await ann.page.getByRole("button", { name: "Send", exact: true }).click();
        const [{ room, from, image }] = await guest.next("message", ({ image }) => image);
        assert.deepEqual([room, from, image.name], [key === "everyone" ? key : "@Ann", "Ann", "evening.png"]);
        assert.ok(file.buffer.equals(image.bytes), "the same bytes");
      }
      guest.leave();
      await Promise.all([ann, bob, eve].map((one) => one.open("everyone")));
      for (const one of all) {
        const shown = one.page.locator(".log .message").getByRole("img", { name: "evening.png" });
        await shown.waitFor();
        await one.page.waitForFunction((img) => img.complete && img.naturalWidth === 420, await shown.elementHandle());
        assert.match(await shown.getAttribute("src"), /^blob:/);
      }
    });

    test("an image opens in full, and Escape closes it", async () => {
      await bob.page.locator(".log .picture").click();
      await bob.page.getByRole("dialog", { name: "evening.png" }).waitFor();
      await bob.page.keyboard.press("Escape");
      await bob.page.getByRole("dialog").waitFor({ state: "detached" });
    });

    test("after a reload somebody is who they were, and reads what was said", async () => {
      const before = await eve.page.locator(".log .message").count();
      await eve.page.reload();
      await eve.online();
      assert.equal(await eve.page.locator("#me").textContent(), "Eve");
      await eve.page.waitForFunction((before) => document.querySelectorAll(".log .message").length === before, before);
      await bob.page.reload();
      await bob.online();
      await bob.open("@Ann");
      await bob.reads("Ann: Tea later?", "Bob: At five.");
      await bob.open("#garden");
      await bob.reads("Ann: The roses are out.", "Bob: And the tulips?", "Bob: They are.", "Bob: Ann has gone.");
      await keepScreenshot(bob, `group, ${client}`);
    });

    test("what was said in private to somebody who was away is unread when they come back", async () => {
      await ann.open("@Eve");
      await eve.page.goto("about:blank");
      await ann.page.getByText("Offline").waitFor();
      await ann.say("For later.");
      await ann.state("For later.", "sent");
      await eve.page.goto(`${chat.url}/${query}`);
      await eve.unread("@Ann", 1);
      await eve.open("@Ann");
      await eve.reads("Ann: For later.");
    });

    test("who signs out is gone, and asked for a name again", async () => {
      await eve.page.getByRole("button", { name: "Sign out" }).click();
      await eve.page.getByLabel("Your name").waitFor();
      await bob.sees("Ann");
    });
  });
}

test("the page is embedded, typed, and under a policy that lets nothing else in", async () => {
  const chat = await startChat();
  try {
    const types = { html: "text/html", css: "text/css", js: "text/javascript", svg: "image/svg+xml" };
    for (const path of ["/", "/base.css", "/chat.css", "/chat.js", "/client.js", "/icon.svg"]) {
      const answer = await fetch(chat.url + path);
      assert.equal(answer.status, 200, path);
      assert.ok(answer.headers.get("content-type").startsWith(types[path.split(".").at(-1)] ?? types.html), path);
      assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
      assert.match(answer.headers.get("content-security-policy"), /default-src 'none'/);
      assert.doesNotMatch(answer.headers.get("content-security-policy"), /unsafe/);
      assert.equal((await fetch(chat.url + path, { method: "HEAD" })).status, 200);
      assert.equal((await fetch(chat.url + path, { method: "POST" })).status, 405);
    }
    for (const path of ["/package.json", "/socket.io.js", "/..%2fpackage.json", "/%2e%2e/package.json", "//etc/passwd", "/chat.js/", "/Cargo.toml"]) {
      assert.equal((await fetch(chat.url + path)).status, 404, path);
    }
  } finally {
    await chat.stop();
  }
});

test("without a directory for it the official client is not served, and the page says so", async () => {
  const chat = await startChat({ env: { CLIENT_DIR: "" } });
  try {
    assert.equal((await fetch(`${chat.url}/socket.io/socket.io.min.js`)).status, 400);
    const { page, close } = await watchedPage(browser, `${chat.url}/?client=official`, { expected: /./ });
    await page.getByRole("alert").filter({ hasText: "CLIENT_DIR" }).waitFor();
    await close();
    const ann = await visitor(browser, chat, "Ann", { expected: /400|Failed to load/ });
    await ann.page.getByRole("button", { name: "How messages travel" }).click();
    await ann.page.getByLabel("Long polling").check({ force: true }).catch(() => {}); // it goes back by itself
    await ann.page.getByRole("alert").filter({ hasText: "npm install socket.io-client" }).waitFor();
    assert.equal(await ann.page.getByLabel("WebSocket", { exact: true }).isChecked(), true);
    await ann.say("still here");
    await ann.state("still here", "sent");
    await ann.close();
  } finally {
    await chat.stop();
  }
});
