// The page while the connection or the server goes and comes back: nothing lost, nothing twice.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { launch } from "./browser.mjs";
import { startChat } from "./chat-server.mjs";
import { clients, keepScreenshot, lost, picture, visitor, visitors } from "./user.mjs";

let browser, folder, file;
before(async () => {
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), "koio-chat-"));
});
after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

const withHistory = (options) => startChat({ ...options, env: { HISTORY_FILE: file } });

for (const [client, query] of Object.entries(clients)) {
  describe(`on ${client}`, () => {
    let chat, all, ann, bob, eve;
    const lines = { everyone: [], "#garden": [], "@": [] };
    before(async () => {
      file = join(folder, `${query.length}.jsonl`);
      chat = await withHistory();
      all = [ann, bob, eve] = await visitors(browser, chat, ["Ann", "Bob", "Eve"], { query, expected: lost });
      for (const one of all) await one.join("garden");
    });
    after(async () => {
      await Promise.all((all ?? []).map(({ close }) => close()));
      await chat?.stop();
    });

    for (const [how, signal] of [["fell", "SIGKILL"], ["was stopped", "SIGINT"]]) {
      test(`when the server ${how} and came back, three people have everything once and in order`, async () => {
        await Promise.all(all.map((one) => one.open("#garden")));
        await ann.say(`before it ${how}`);
        await ann.state(`before it ${how}`, "delivered");
        await chat.stop(signal);
        await Promise.all(all.map((one) => one.offline()));
        await ann.page.getByText("What you write is kept").waitFor();
        const kept = [1, 2, 3].map((number) => `Ann's ${number}, after it ${how}`);
        await ann.say(...kept);
        for (const text of kept) await ann.state(text, "waiting");
        await ann.pick(await picture(ann, [60, 40], `${how}.png`));
        await ann.page.locator("#previews li").waitFor();
        await ann.text.press("Enter");
        if (signal === "SIGKILL") await keepScreenshot(ann, `no connection, ${client}`);
        await bob.open("@Ann");
        await bob.say(`to Ann alone, after it ${how}`);
        chat = await withHistory({ port: chat.port });
        await Promise.all(all.map((one) => one.online()));
        lines["#garden"].push(...[`before it ${how}`, ...kept].map((text) => `Ann: ${text}`), `Ann: [${how}.png]`);
        lines["@"].push(`Bob: to Ann alone, after it ${how}`);
        await bob.open("#garden");
        for (const one of all) await one.reads(...lines["#garden"]);
        await ann.acknowledged(kept[2]);
        await ann.open("@Bob");
        await ann.reads(...lines["@"]);
        for (const [one, ...others] of [[ann, "Bob", "Eve"], [bob, "Ann", "Eve"], [eve, "Ann", "Bob"]]) await one.sees(...others);
        for (const one of all) one.faultless();
      });
    }

    test("what was acknowledged is there for somebody who reloads", async () => {
      await Promise.all(all.map((one) => one.page.reload()));
      await Promise.all(all.map((one) => one.online()));
      for (const one of all) {
        await one.open("#garden");
        await one.reads(...lines["#garden"]);
      }
      await bob.open("@Ann");
      await bob.reads(...lines["@"]);
    });

    test("what was written without a connection is kept over a reload", async () => {
      await chat.stop();
      await ann.offline();
      await ann.open("everyone");
      await ann.say("first", "second");
      await ann.page.goto("about:blank"); // gone before the server is back
      chat = await withHistory({ port: chat.port });
      await ann.page.goto(`${chat.url}/${query}`);
      await Promise.all(all.map((one) => one.online()));
      await bob.open("everyone");
      for (const one of [ann, bob]) await one.reads("Ann: first", "Ann: second");
    });
  });
}

test("a message whose answer was lost with the connection is sent again and there once", async () => {
  const chat = await startChat();
  try {
    const bob = await visitor(browser, chat, "Bob");
    const ann = await visitor(browser, chat, null, { expected: lost });
    let isCut = false;
    await ann.page.routeWebSocket(/socket\.io/, (page) => {
      const server = page.connectToServer();
      let asked;
      page.onMessage((frame) => {
        asked ??= /^42(\d+)\["sendMsg"/.exec(frame)?.[1];
        server.send(frame);
      });
      server.onMessage((frame) => {
        if (asked === undefined || isCut) return page.send(frame);
        // Nothing comes through any more: the server has the message, and the page does not know.
        if (!frame.startsWith?.(`43${asked}[`)) return;
        isCut = true;
        server.close();
        page.close();
      });
    });
    await ann.page.reload();
    await ann.enter("Ann");
    await ann.online();
    await ann.say("once only");
    await bob.reads("Ann: once only");
    await ann.offline();
    await ann.say("and then this");
    await ann.online();
    for (const one of [ann, bob]) await one.reads("Ann: once only", "Ann: and then this");
    await ann.acknowledged("once only");
    assert.ok(isCut);
    await Promise.all([ann.close(), bob.close()]);
  } finally {
    await chat.stop();
  }
});

test("what somebody writes faster than the server lets them is sent in order", async () => {
  const chat = await startChat();
  try {
    const [ann, bob] = await visitors(browser, chat, ["Ann", "Bob"]);
    const texts = Array.from({ length: 45 }, (_, at) => `line ${at}`);
    await ann.page.evaluate((texts) => {
      for (const text of texts) {
        document.getElementById("text").value = text;
        document.getElementById("composer").requestSubmit();
      }
    }, texts);
    await bob.reads(...texts.map((text) => `Ann: ${text}`));
    await ann.reads(...texts.map((text) => `Ann: ${text}`));
    for (const one of [ann, bob]) { one.faultless(); await one.close(); }
  } finally {
    await chat.stop();
  }
});

test("a message that was refused says why, and can be sent again or deleted", async () => {
  const chat = await startChat();
  try {
    const [ann, bob] = await visitors(browser, chat, ["Ann", "Bob"]);
    await ann.join("garden");
    await bob.join("garden");
    // Somebody takes Ann out of the group behind her page's back.
    await ann.page.evaluate(async () => { await (await import("/connection.js")).connection.ask("leave", { room: "garden" }); });
    await ann.say("refused", "also refused");
    await ann.state("refused", "failed");
    await ann.message("refused").getByText("Not sent: Join the group first.").waitFor();
    await keepScreenshot(ann, "refused");
    await ann.message("also refused").getByRole("button", { name: "Delete" }).click();
    await ann.reads("Ann: refused");
    await ann.page.evaluate(async () => { await (await import("/connection.js")).connection.ask("join", { room: "garden" }); });
    await ann.message("refused").getByRole("button", { name: "Retry" }).click();
    await ann.state("refused", "delivered");
    await bob.reads("Ann: refused");
    for (const one of [ann, bob]) { one.faultless(); await one.close(); }
  } finally {
    await chat.stop();
  }
});

test("two windows of a browser are two people, each of them still after a reload", async () => {
  const chat = await startChat();
  try {
    const ann = await visitor(browser, chat, "Ann", { expected: lost });
    const bob = await visitor(browser, chat, null, { from: ann });
    await bob.page.getByText("You are Ann in another window.").waitFor();
    await bob.enter("Bob");
    await bob.online();
    await ann.sees("Bob");
    await Promise.all([ann, bob].map(({ page }) => page.reload()));
    await Promise.all([ann.sees("Bob"), bob.sees("Ann")]);
    await bob.page.close();
    await ann.page.goto("about:blank");
    const again = await visitor(browser, chat, null, { from: ann });
    await again.online();
    assert.equal(await again.page.locator("#me").textContent(), "Bob", "the last one, who is in no window");
    ann.faultless();
    await ann.close();
  } finally {
    await chat.stop();
  }
});

test("one name has one window: the newer one has it until the older one asks", async () => {
  const chat = await startChat();
  try {
    const first = await visitor(browser, chat, "Ann", { expected: lost });
    const second = await visitor(browser, chat, "ann", { from: first });
    await first.page.getByText("The chat is open in another window.").waitFor();
    await first.say("from the older one");
    await first.state("from the older one", "waiting");
    await first.page.getByRole("button", { name: "Use it here" }).click();
    await first.online();
    await second.page.getByText("The chat is open in another window.").waitFor();
    await first.state("from the older one", "sent");
    first.faultless();
    await first.close();
  } finally {
    await chat.stop();
  }
});
