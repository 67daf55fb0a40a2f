// The chat's page in a real browser: two people, on its own client and on the official one.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, afterEach, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, watchedPage } from "./browser.mjs";
import { startChat } from "./chat-server.mjs";
import { person, transports } from "./person.mjs";

const artifacts = fileURLToPath(new URL("../artifacts/", import.meta.url));
const lost = /ERR_CONNECTION_(REFUSED|RESET)|WebSocket|Failed to load resource/; // what a browser says while the server is away

let browser;
before(async () => {
  await mkdir(artifacts, { recursive: true });
  browser = await launch();
});
after(() => browser?.close());

/** The page as a person uses it: by its labels. */
function user({ page, faults, close }) {
  const log = (title) => page.getByRole("log", { name: title, exact: true });
  const line = (title, from, text) => log(title).getByRole("listitem")
    .filter({ has: page.locator("header bdi").getByText(from, { exact: true }) })
    .filter({ has: page.locator("> p").getByText(text, { exact: true }) });
  return {
    page, faults, close, line, log,
    async enter(name) {
      await page.getByLabel("Your name").fill(name);
      await page.getByRole("button", { name: "Enter" }).click();
    },
    online: () => page.getByRole("status").filter({ hasText: "Online" }).waitFor(),
    async open(title) {
      await page.getByRole("navigation").getByRole("button", { name: title }).click();
      await page.getByRole("heading", { name: title, exact: true }).waitFor();
    },
    async say(text) {
      await page.getByLabel("Message").fill(text);
      await page.getByRole("button", { name: "Send" }).click();
    },
    join: async (room) => {
      await page.getByLabel("Name of a group").fill(room);
      await page.getByRole("button", { name: "Join" }).click();
      await page.getByRole("heading", { name: room, exact: true }).waitFor();
    },
    people: () => page.locator("#people li:not(.away) bdi").allTextContents(),
    /** Waits until these and nobody else are online. */
    sees: (names) => page.waitForFunction(
      (names) => [...document.querySelectorAll("#people li:not(.away) bdi")].map((name) => name.textContent).join("\n") === names.join("\n"),
      names,
    ),
  };
}

/** A picture that a browser has drawn, as a file to choose. */
async function picture(page, [width, height]) {
  const base64 = await page.evaluate(([width, height]) => {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const pen = canvas.getContext("2d");
    const sky = pen.createLinearGradient(0, 0, 0, height);
    for (const [at, colour] of [[0, "#26456b"], [0.6, "#d99a6c"], [1, "#f3dcae"]]) sky.addColorStop(at, colour);
    pen.fillStyle = sky;
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = "#23313f";
    pen.moveTo(0, height);
    for (let x = 0; x <= width; x += 8) pen.lineTo(x, height * (0.72 + 0.08 * Math.sin(x / 31) + 0.05 * Math.sin(x / 11)));
    pen.lineTo(width, height);
    pen.fill();
    return canvas.toDataURL("image/png").split(",")[1];
  }, [width, height]);
  return { name: "evening.png", mimeType: "image/png", buffer: Buffer.from(base64, "base64") };
}

for (const [client, query] of [["the page's own client", ""], ["the official client", "?client=official"]]) {
  describe(`on ${client}`, () => {
    let chat, ann, bob;
    before(async () => {
      chat = await startChat();
      [ann, bob] = (await Promise.all([1, 2].map(() => watchedPage(browser, `${chat.url}/${query}`, { expected: lost })))).map(user);
    });
    after(async () => {
      await Promise.all([ann?.close(), bob?.close()]);
      await chat?.stop();
    });
    afterEach(() => { for (const { faults } of [ann, bob]) assert.deepEqual(faults.splice(0), []); });

    test("the page runs on this client and on no other", async () => {
      for (const { page } of [ann, bob]) await page.locator("#enter:enabled").waitFor();
      assert.equal(await ann.page.evaluate(() => typeof window.io), query ? "function" : "undefined");
    });

    test("two people enter and see each other; a taken name is refused with a word", async () => {
      await ann.enter("Ann");
      await ann.sees(["Ann"]);
      await bob.enter("Ann");
      await bob.page.getByRole("alert").filter({ hasText: /taken/ }).waitFor();
      await bob.enter("Bob");
      for (const one of [ann, bob]) await one.sees(["Ann", "Bob"]);
    });

    test("what one says in public both read, and so does an official client elsewhere", async () => {
      const guest = await person(chat.url, transports["WebSocket only"]);
      await ann.say("Good evening!");
      for (const one of [ann, bob]) await one.line("Everyone", "Ann", "Good evening!").waitFor();
      assert.deepEqual(await guest.next("allmessage"), ["Good evening!"]);
      guest.leave();
      await bob.say("Hello Ann. What a sunset.");
      for (const one of [ann, bob]) await one.line("Everyone", "Bob", "Hello Ann. What a sunset.").waitFor();
      assert.equal(await ann.page.locator("#greeting").textContent(), "I come from the server");
    });

    test("an image is sent as bytes and shown from them", async () => {
      const guest = await person(chat.url, transports["WebSocket only"]);
      const file = await picture(ann.page, [420, 200]);
      await ann.page.locator("#image").setInputFiles(file);
      for (const one of [ann, bob]) {
        const shown = one.log("Everyone").getByRole("img", { name: "evening.png" });
        await shown.waitFor();
        await one.page.waitForFunction((img) => img.complete && img.naturalWidth === 420, await shown.elementHandle());
        assert.match(await shown.getAttribute("src"), /^blob:/);
      }
      const [{ from, name, bytes }] = await guest.next("image");
      assert.deepEqual([from, name, file.buffer.equals(bytes)], ["Ann", "evening.png", true]);
      guest.leave();
    });

    test("bytes that are no image, or too many, are said to be so", async () => {
      const page = '<!doctype html><script>parent.pwned = 1</script>';
      await ann.page.locator("#image").setInputFiles({ name: "<b>.png", mimeType: "image/png", buffer: Buffer.from(page) });
      for (const one of [ann, bob]) await one.line("Everyone", "Ann", "<b>.png is not an image that this browser can show.").waitFor();
      await ann.page.locator("#image").setInputFiles({ name: "big.png", mimeType: "image/png", buffer: Buffer.alloc(950_000) });
      await ann.page.getByRole("alert").filter({ hasText: "950" }).waitFor();
    });

    test("the largest image that the page sends arrives", async () => {
      const guest = await person(chat.url, transports["WebSocket only"]);
      await bob.page.locator("#image").setInputFiles({ name: "large.png", mimeType: "image/png", buffer: Buffer.alloc(900_000, 7) });
      const [{ bytes }] = await guest.next("image");
      assert.equal(bytes.length, 900_000);
      guest.leave();
      await ann.line("Everyone", "Bob", "large.png is not an image that this browser can show.").waitFor();
    });

    test("a private message is read by two and counted until it is", async () => {
      await ann.open("Bob");
      await ann.say("Tea later?");
      await ann.line("Bob", "Ann", "Tea later?").waitFor();
      await bob.page.getByRole("navigation").getByRole("button", { name: /^Ann\s*1$/ }).waitFor();
      assert.equal(await bob.page.title(), "(1) koio chat");
      await bob.open("Ann");
      assert.equal(await bob.page.title(), "koio chat");
      await bob.line("Ann", "Ann", "Tea later?").waitFor();
      await bob.say("At five.");
      await ann.line("Bob", "Bob", "At five.").waitFor();
      assert.equal(await ann.log("Everyone").getByText("Tea later?").count(), 0);
    });

    test("a group's messages are read by those who joined it", async () => {
      await ann.join("garden");
      await ann.say("The roses are out.");
      await ann.line("garden", "Ann", "The roses are out.").waitFor();
      await bob.join("garden");
      await bob.say("And the tulips?");
      for (const one of [ann, bob]) await one.line("garden", "Bob", "And the tulips?").waitFor();
      assert.equal(await bob.page.getByText("The roses are out.").count(), 0);
    });

    for (const [how, signal] of [["fell", "SIGKILL"], ["was stopped", "SIGINT"]]) {
      test(`the page enters again by itself after the server ${how} and came back`, async () => {
        await chat.stop(signal);
        for (const one of [ann, bob]) {
          await one.page.getByRole("status").filter({ hasNotText: "Online" }).waitFor();
          assert.equal(await one.page.getByRole("button", { name: "Send" }).isDisabled(), true);
        }
        chat = await startChat({ port: chat.port });
        for (const one of [ann, bob]) await one.online();
        await ann.sees(["Ann", "Bob"]);
        await ann.open("garden");
        await ann.say(`Still here after it ${how}.`);
        await bob.open("garden");
        await bob.line("garden", "Ann", `Still here after it ${how}.`).waitFor();
        for (const one of [bob, ann]) await one.open("Everyone");
        await bob.say(`So am I, after it ${how}.`);
        for (const one of [ann, bob]) await one.line("Everyone", "Bob", `So am I, after it ${how}.`).waitFor();
      });
    }

    test("names and messages are shown as the text they are", async () => {
      const evil = '<img src=x onerror=pwned=1>';
      const texts = ['<script>pwned = 1</script>', '<img src=x onerror="pwned=1">', "javascript:pwned=1", "&lt;b&gt; \u202egnp.exe", "${pwned=1}", "__proto__"];
      const guest = await person(chat.url, transports["WebSocket only"]);
      await guest.ask("login", { id: evil });
      await bob.open("Everyone");
      for (const text of texts) {
        await guest.ask("sendMsg", { newAccount: text });
        await guest.ask("private", { to: "Bob", text });
        await guest.ask("image", { name: text, bytes: Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" onload="pwned=1"><script>pwned=1</script></svg>`) });
        await bob.line("Everyone", evil, text).waitFor();
        await bob.line("Everyone", evil, `${text} is not an image that this browser can show.`).waitFor();
      }
      assert.ok((await bob.people()).includes(evil));
      await bob.open(evil);
      for (const text of texts) await bob.line(evil, evil, text).waitFor();
      for (const { page } of [ann, bob]) {
        assert.equal(await page.evaluate(() => window.pwned), undefined);
        assert.equal(await page.locator('[src="x"], [onerror], #logs script, #people img').count(), 0);
      }
      guest.leave();
      await bob.page.locator("#people li.away").filter({ hasText: evil }).waitFor();
      await bob.say("anybody?");
      await bob.page.getByRole("alert").filter({ hasText: "is not online" }).waitFor();
      assert.equal(await bob.page.getByLabel("Message").inputValue(), "anybody?");
    });

    test("a name like those of an object's own parts is a name", async () => {
      for (const name of ["__proto__", "constructor", "toString"]) {
        const guest = await person(chat.url, transports["WebSocket only"]);
        const [{ users }] = await guest.ask("login", { id: name });
        assert.ok(users.includes(name));
        await ann.open(name);
        await ann.say(`hello ${name}`);
        assert.deepEqual(await guest.next("private"), [{ from: "Ann", text: `hello ${name}` }]);
        guest.leave();
        await ann.page.locator("#people li.away").filter({ hasText: name }).waitFor();
      }
    });

    test("closing the page frees the name", async () => {
      await bob.close();
      await ann.sees(["Ann"]);
    });
  });
}

test("the page is embedded, typed, and under a policy that lets nothing else in", async () => {
  const chat = await startChat();
  try {
    const types = { "/": "text/html", "/chat.css": "text/css", "/chat.js": "text/javascript", "/client.js": "text/javascript", "/icon.svg": "image/svg+xml", "/socket.io.min.js": "text/javascript" };
    for (const [path, type] of Object.entries(types)) {
      const answer = await fetch(chat.url + path);
      assert.equal(answer.status, 200, path);
      assert.ok(answer.headers.get("content-type").startsWith(type), path);
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
    assert.equal((await fetch(`${chat.url}/socket.io.min.js`)).status, 404);
    const { page, close } = await watchedPage(browser, `${chat.url}/?client=official`, { expected: /./ });
    await page.getByRole("alert").filter({ hasText: "CLIENT_DIR" }).waitFor();
    await close();
  } finally {
    await chat.stop();
  }
});

test("a screenshot is kept", async () => {
  const chat = await startChat();
  try {
    const [ann, bob] = (await Promise.all([1, 2].map(() => watchedPage(browser, chat.url)))).map(user);
    await ann.enter("Ann");
    await ann.sees(["Ann"]);
    await bob.enter("Bob");
    await ann.sees(["Ann", "Bob"]);
    await bob.say("Good evening, everybody.");
    await ann.line("Everyone", "Bob", "Good evening, everybody.").waitFor();
    await ann.page.locator("#image").setInputFiles(await picture(ann.page, [420, 200]));
    await bob.log("Everyone").getByRole("img").waitFor();
    await ann.say("I took this from my window. It is gone already.");
    await bob.line("Everyone", "Ann", /from my window/).waitFor();
    await bob.say("Beautiful! I would have missed it.");
    await ann.line("Everyone", "Bob", /Beautiful/).waitFor();
    await ann.join("garden");
    await ann.open("Everyone");
    await bob.open("Ann");
    await bob.say("Tea?");
    await ann.page.getByRole("navigation").getByRole("button", { name: /^Bob\s*1$/ }).waitFor();
    await ann.page.screenshot({ path: `${artifacts}chat.png` });
    assert.deepEqual([...ann.faults, ...bob.faults], []);
    await Promise.all([ann.close(), bob.close()]);
  } finally {
    await chat.stop();
  }
});
