// How the page looks and is used without a mouse: on a desktop and on a phone, dark and light.
// KOIO_PICTURES=1 also draws the pictures of the README anew.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch } from "./browser.mjs";
import { startChat } from "./chat-server.mjs";
import { person, transports } from "./person.mjs";
import { keepScreenshot, phone, picture, visitor, visitors } from "./user.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const pictures = fileURLToPath(new URL("../../koio/docs/pictures/", import.meta.url));
const desktop = { viewport: { width: 1280, height: 800 } };

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

/** What axe finds against WCAG 2.2 A and AA and its own good advice. Needs a context with bypassCSP. */
async function accessible({ page }, where) {
  if (!await page.evaluate(() => "axe" in window)) await page.addScriptTag({ content: axe });
  // What moves is judged where it ends.
  await page.evaluate(() => Promise.all(document.getAnimations().filter(({ effect }) => effect.getTiming().iterations === 1).map(({ finished }) => finished)));
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html, any, all, none }) => `${id}: ${html.slice(0, 120)} ${[...any, ...all, ...none].map(({ message }) => message).join("; ")}`));
  });
  assert.deepEqual(found, [], where);
}

/** A chat in which there is something of everything. */
async function lively(chat, options) {
  const [ann, bob, eve] = await visitors(browser, chat, ["Ann Lee", "Bob", "Chiara Rossi"], { bypassCSP: true, ...options });
  for (const one of [ann, bob, eve]) await one.open("everyone");
  await eve.say("Good morning! The new tour is online: https://example.com/tour");
  await bob.say("Reading it now.", "I like the part about the upgrade.\nOne question: should we say first what long polling is, or is that known?");
  await eve.say("Say it first, in one sentence.");
  await ann.reads("Chiara Rossi: Good morning! The new tour is online: https://example.com/tour", "Bob: Reading it now.",
    "Bob: I like the part about the upgrade.\nOne question: should we say first what long polling is, or is that known?", "Chiara Rossi: Say it first, in one sentence.");
  await ann.pick(await picture(ann, [460, 210]));
  await ann.page.locator("#previews li").waitFor();
  await ann.say("This is what I saw this morning, before all that.");
  await ann.state("This is what I saw this morning, before all that.", "delivered");
  await ann.join("garden");
  await ann.open("everyone");
  await bob.open("@Ann Lee");
  await bob.say("Do you have five minutes for me at ten?");
  await ann.unread("@Bob", 1);
  return { ann, bob, eve };
}

for (const [device, options] of Object.entries({ desktop, phone })) {
  test(`on a ${device}, everything can be seen, heard and reached in light and in the dark, and nothing is cut off`, async () => {
    const chat = await startChat();
    try {
      const stranger = await visitor(browser, chat, null, { bypassCSP: true, ...options });
      await stranger.enter("\u200b");
      await stranger.page.getByRole("alert").filter({ hasText: /./ }).waitFor();
      const { ann, bob, eve } = await lively(chat, options);
      const everywhere = async (one, what) => {
        for (const colorScheme of ["light", "dark"]) {
          await one.page.emulateMedia({ colorScheme });
          await accessible(one, `${what}, ${colorScheme}`);
          await fits(one);
          await keepScreenshot(one, `${what}, ${device}, ${colorScheme}`);
        }
        if (device === "desktop") return;
        await one.page.setViewportSize({ width: 320, height: 640 });
        await fits(one);
        await one.page.setViewportSize(phone.viewport);
      };
      await everywhere(stranger, "login");
      await eve.text.pressSequentially("a");
      await ann.page.getByText("Chiara Rossi is typing").waitFor();
      await everywhere(ann, "conversation");
      await ann.pick(await picture(ann, [300, 200], "two.png"), { name: "three.png", mimeType: "image/png", buffer: Buffer.from("none") });
      await ann.page.getByRole("button", { name: "Do not send three.png" }).waitFor();
      await everywhere(ann, "images to send");
      await ann.page.locator(".log .picture").click();
      await ann.page.getByRole("dialog").waitFor();
      await everywhere(ann, "image");
      await ann.page.keyboard.press("Escape");
      if (device === "phone") await ann.page.getByRole("button", { name: "Back to the conversations" }).click();
      await ann.page.getByRole("button", { name: "Join or start a group" }).click();
      await everywhere(ann, "conversations");
      await ann.open("#garden");
      await ann.page.getByRole("button", { name: "How messages travel" }).click();
      await ann.page.getByText("Ways for news to reach a page").click();
      await everywhere(ann, "how messages travel");
      await eve.page.evaluate(async () => { await (await import("/outbox.js")).send("#kitchen", { text: "Let me in." }); });
      await eve.open("everyone");
      await eve.page.evaluate(async () => {
        const { conversation, state, changed } = await import("/conversations.js");
        state.current = conversation("#kitchen");
        changed();
      });
      await eve.state("Let me in.", "failed");
      await everywhere(eve, "refused");
      await bob.page.evaluate(async () => { (await import("/connection.js")).connection.disconnect(); });
      await bob.say("Nobody hears this.");
      await everywhere(bob, "no connection");
      for (const one of [ann, bob, eve, stranger]) { one.faultless(); await one.close(); }
    } finally {
      await chat.stop();
    }
  });
}

/** Nothing is wider than the window, or than the part of the page that it is in. */
async function fits({ page }) {
  const wide = await page.evaluate(() => [...document.querySelectorAll("body *")].filter((node) => {
    if (node.closest("#previews, .heard") || node.clientWidth === 0) return false;
    const { right } = node.getBoundingClientRect();
    const mayScroll = ["auto", "scroll"].includes(getComputedStyle(node).overflowX);
    return mayScroll ? node.scrollWidth > node.clientWidth + 1 : right > innerWidth + 1;
  }).map(({ outerHTML }) => outerHTML.slice(0, 100)));
  assert.deepEqual(wide, []);
  assert.equal(await page.evaluate(() => document.scrollingElement.scrollWidth <= innerWidth), true);
}

describe("somebody with a keyboard", () => {
  let chat, ann, bob;
  before(async () => {
    chat = await startChat();
    [ann, bob] = await visitors(browser, chat, ["Ann", "Bob"]);
    await ann.join("garden");
    await ann.open("everyone");
  });
  after(async () => {
    await Promise.all([ann, bob].map((one) => one?.close()));
    await chat?.stop();
  });
  const focused = () => ann.page.evaluate(() => document.activeElement.dataset.key ?? (document.activeElement.id || document.activeElement.className));
  const press = async (...keys) => { for (const key of keys) await ann.page.keyboard.press(key); };

  test("goes through the page in the order in which it reads", async () => {
    await ann.page.reload();
    await ann.online();
    const wanted = ["skip", "join-toggle", "everyone", "#garden", "@Bob", "sign-out", "travel-toggle", "log", "pick", "text", "send"];
    const order = [];
    for (let at = 0; at < wanted.length; at += 1) {
      await press("Tab");
      order.push(await focused());
    }
    assert.deepEqual(order, wanted);
  });

  test("skips to the message field", async () => {
    await ann.page.locator(".skip").focus();
    await press("Enter");
    assert.equal(await focused(), "text");
  });

  test("goes through the conversations with the arrow keys, and opens one with Enter", async () => {
    await ann.entry("everyone").focus();
    await press("ArrowDown");
    assert.equal(await focused(), "#garden");
    await press("ArrowDown", "ArrowDown");
    assert.equal(await focused(), "everyone", "round about");
    await press("ArrowUp", "Enter");
    await ann.page.getByRole("heading", { name: "Bob" }).first().waitFor();
    assert.equal(await focused(), "text");
    await press("Alt+ArrowUp");
    await ann.page.getByRole("heading", { name: "garden" }).first().waitFor();
    await press("Alt+ArrowUp");
    await ann.page.getByRole("heading", { name: "Everyone" }).first().waitFor();
  });

  test("leaves the group form with Escape", async () => {
    await ann.page.getByRole("button", { name: "Join or start a group" }).press("Enter");
    assert.equal(await focused(), "room");
    await press("Escape");
    assert.equal(await focused(), "join-toggle");
    assert.equal(await ann.page.locator("#join").isVisible(), false);
  });

  test("keeps the focus while others come, go and write", async () => {
    await ann.entry("@Bob").focus();
    const guest = await person(chat.url, transports["WebSocket only"]);
    await guest.ask("login", { id: "Aaron" });
    await ann.sees("Aaron", "Bob");
    await guest.ask("private", { to: "Ann", text: "hello" });
    await ann.unread("@Aaron", 1);
    assert.equal(await focused(), "@Bob");
    guest.leave();
  });

  test("hears what is new elsewhere, and reads it in the title and the icon", async () => {
    const icon = () => ann.page.locator("link[rel=icon]").evaluate(({ href }) => href);
    await ann.open("@Aaron");
    await ann.page.waitForFunction(() => document.title === "koio chat");
    const plain = await icon();
    await ann.open("#garden");
    await bob.say("Is anybody there?");
    await ann.page.locator("#news").getByText("New message from Bob to Everyone").waitFor({ state: "attached" });
    await ann.page.waitForFunction(() => document.title === "(1) koio chat");
    assert.notEqual(await icon(), plain);
    assert.equal(await ann.page.evaluate((src) => new Promise((resolve) => {
      const image = new Image();
      image.onload = () => resolve(image.naturalWidth > 0);
      image.onerror = () => resolve(false);
      image.src = src;
    }), await icon()), true, "the icon is an image");
    await ann.open("everyone");
    await ann.page.waitForFunction(() => document.title === "koio chat");
    assert.equal(await icon(), plain);
  });

  test("counts what is said while the window is hidden, and has read it when it is back", async () => {
    const hide = (isHidden) => ann.page.evaluate((isHidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }, isHidden);
    await hide(true);
    await bob.say("Are you here?");
    await ann.page.waitForFunction(() => document.title === "(1) koio chat");
    await hide(false);
    await ann.page.waitForFunction(() => document.title === "koio chat");
  });

  test("has the end in sight unless they read further up", async () => {
    const log = ann.page.getByRole("log");
    const below = () => log.evaluate(({ scrollHeight, scrollTop, clientHeight }) => Math.round(scrollHeight - scrollTop - clientHeight));
    const newest = ann.page.getByRole("button", { name: "Newest" });
    await bob.say(Array.from({ length: 60 }, (_, line) => `line ${line}`).join("\n"));
    await ann.page.getByText("line 59").last().waitFor();
    assert.equal(await newest.isVisible(), false);
    assert.ok(await below() < 2);
    await log.focus();
    await press("Home");
    await newest.waitFor();
    // Keys scroll smoothly: what is pressed before that has ended is moved up again.
    await ann.page.waitForFunction(() => document.querySelector("[role=log]:focus").scrollTop === 0);
    await bob.say("below");
    await ann.message("below").waitFor({ state: "attached" });
    assert.ok(await below() > 100);
    await newest.press("Enter");
    await newest.waitFor({ state: "hidden" });
    assert.ok(await below() < 2);
    for (const one of [ann, bob]) one.faultless();
  });
});

test("on a phone the list and a conversation take turns, and the browser's way back leads to the list", async () => {
  const chat = await startChat();
  try {
    const ann = await visitor(browser, chat, "Ann", phone);
    const shown = async () => [await ann.page.locator("#sidebar").isVisible(), await ann.page.locator("#conversation").isVisible()];
    assert.deepEqual(await shown(), [true, false]);
    await ann.entry("everyone").tap();
    await ann.text.waitFor();
    assert.deepEqual(await shown(), [false, true]);
    await ann.page.goBack();
    await ann.entry("everyone").waitFor();
    assert.deepEqual(await shown(), [true, false]);
    await ann.entry("everyone").tap();
    await ann.page.getByRole("button", { name: "Back to the conversations" }).tap();
    await ann.entry("everyone").waitFor();
    const bob = await visitor(browser, chat, "Bob");
    await bob.say("Who looks at the list has not read this.");
    await ann.unread("everyone", 1);
    for (const one of [ann, bob]) { one.faultless(); await one.close(); }
  } finally {
    await chat.stop();
  }
});

test("messages are together by person and time, and a line says where a day begins", async () => {
  const chat = await startChat();
  try {
    const ann = await visitor(browser, chat, "Ann");
    const noon = new Date().setHours(12, 0, 0, 0);
    const [day, minute] = [86_400_000, 60_000];
    await ann.page.evaluate(async (messages) => {
      const { conversation } = await import("/conversations.js");
      conversation("everyone").receiveHistory(messages.map(([from, at], id) => ({ id, room: "everyone", from, at, text: `number ${id}` })));
    }, [["Bob", noon - 400 * day], ["Bob", noon - day], ["Bob", noon - day + minute], ["Eve", noon - day + 2 * minute], ["Eve", noon], ["Eve", noon + 4 * minute], ["Eve", noon + 10 * minute]]);
    await ann.message("number 6").waitFor();
    const lines = await ann.page.locator(".log li").evaluateAll((all) => all.map((line) =>
      line.classList.contains("day") ? line.textContent : `${line.classList.contains("first") ? "first " : ""}${line.querySelector(".text").textContent}`));
    const year = new Date(noon - 400 * day).getFullYear();
    assert.ok(lines.shift().endsWith(String(year)));
    assert.deepEqual(lines, ["first number 0", "Yesterday", "first number 1", "number 2", "first number 3", "Today", "first number 4", "number 5", "first number 6"]);
    await ann.close();
  } finally {
    await chat.stop();
  }
});

test("motion is for those who did not ask for less of it", async () => {
  const chat = await startChat();
  try {
    const [still, moving] = await Promise.all(["reduce", "no-preference"].map((reducedMotion) => visitor(browser, chat, reducedMotion, { reducedMotion })));
    for (const [one, wanted] of [[still, "none"], [moving, "nod"]]) {
      assert.equal(await one.page.locator(".dots i").first().evaluate((dot) => getComputedStyle(dot).animationName), wanted);
      await one.close();
    }
  } finally {
    await chat.stop();
  }
});

if (process.env.KOIO_PICTURES) test("the pictures of the README are drawn", async () => {
  const chat = await startChat();
  try {
    const { ann, eve } = await lively(chat, { viewport: { width: 1200, height: 760 }, colorScheme: "light", locale: "en-GB" });
    await ann.page.evaluate(async () => { await (await import("/connection.js")).connection.measure(); });
    await eve.text.pressSequentially("a");
    await ann.page.getByText("Chiara Rossi is typing").waitFor();
    await keepScreenshot(ann, "chat-light", pictures);
    await ann.page.getByRole("button", { name: "How messages travel" }).click();
    await keepScreenshot(ann, "frames", pictures);
    const dora = await visitor(browser, chat, "Dora", { ...phone, colorScheme: "dark", locale: "en-GB" });
    await dora.open("everyone");
    await dora.text.evaluate((field) => field.blur());
    await keepScreenshot(dora, "chat-dark-phone", pictures);
  } finally {
    await chat.stop();
  }
});
