// Writing: lines, links, images from everywhere, drafts; and content that means harm.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { startChat } from "./chat-server.mjs";
import { person, transports } from "./person.mjs";
import { keepScreenshot, picture, visitors } from "./user.mjs";

let browser, chat, ann, bob;
before(async () => {
  [browser, chat] = await Promise.all([launch(), startChat()]);
  [ann, bob] = await visitors(browser, chat, ["Ann", "Bob"]);
});
after(async () => {
  await browser?.close();
  await chat?.stop();
});
afterEach(() => { for (const one of [ann, bob]) one.faultless(); });

const guestOf = async (chat, id) => {
  const guest = await person(chat.url, transports["WebSocket only"]);
  await guest.ask("login", { id });
  return guest;
};
const previews = (one) => one.page.getByRole("list", { name: "Images to send" }).getByRole("listitem");

test("Shift and Enter begin a line, Enter sends, and white space stays as it was written", async () => {
  await ann.text.fill("\n  one");
  await ann.text.press("Shift+Enter");
  await ann.text.pressSequentially("  two");
  const height = await ann.text.evaluate((field) => field.offsetHeight);
  await ann.text.press("Enter");
  await bob.message("  one\n  two").waitFor();
  assert.equal(await bob.message("  one\n  two").locator(".text").evaluate((text) => getComputedStyle(text).whiteSpaceCollapse), "preserve");
  assert.ok(height > await ann.text.evaluate((field) => field.offsetHeight), "the field grows with its text and shrinks again");
  await ann.text.press("Enter");
  await ann.text.fill("   ");
  await ann.text.press("Enter");
  await ann.reads("Ann:   one\n  two");
});

test("addresses of the web are links that know nothing of this page, and nothing else is", async () => {
  const links = async (text) => {
    await ann.say(text);
    await bob.message(text).waitFor();
    const found = await bob.message(text).locator("a").all();
    for (const link of found) {
      assert.equal(await link.getAttribute("target"), "_blank");
      assert.equal(await link.getAttribute("rel"), "noopener noreferrer");
    }
    return Promise.all(found.map((link) => link.getAttribute("href")));
  };
  await bob.open("everyone");
  assert.deepEqual(await links("See https://example.com/a?b=1&c=2#d, (http://example.org/x) and HTTPS://EXAMPLE.NET."),
    ["https://example.com/a?b=1&c=2#d", "http://example.org/x", "HTTPS://EXAMPLE.NET"]);
  assert.deepEqual(await links("javascript:alert(1) data:text/html,x ftp://example.com file:///etc/passwd //example.com https:// http://"), []);
  assert.deepEqual(await links('https://example.com/"onmouseover=alert(1)'), ["https://example.com/"]);
});

test("a draft stays with its conversation", async () => {
  await ann.text.fill("not yet");
  await ann.open("@Bob");
  assert.equal(await ann.text.inputValue(), "");
  await ann.preview("everyone", "Draft: not yet");
  await ann.open("everyone");
  assert.equal(await ann.text.inputValue(), "not yet");
  await ann.text.fill("");
});

test("images come by picker, paste and drop, are looked at first, and leave with the text", async () => {
  const guest = await guestOf(chat, "Guest");
  const [one, two, three] = await Promise.all(["picked.png", "pasted.png", "dropped.png"].map((name, at) => picture(ann, [200 + at, 90], name)));
  await ann.pick(one);
  await previews(ann).filter({ hasText: "picked.png" }).waitFor();
  const transfer = (file) => ann.page.evaluateHandle(([name, bytes]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], name, { type: "image/png" }));
    return transfer;
  }, [file.name, file.buffer.toString("base64")]);
  await ann.text.evaluate((field, clipboardData) => field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true })), await transfer(two));
  await previews(ann).filter({ hasText: "pasted.png" }).waitFor();
  const dataTransfer = await transfer(three);
  const log = ann.page.getByRole("log");
  await log.dispatchEvent("dragover", { dataTransfer });
  await ann.page.getByText("Drop images here").waitFor();
  await log.dispatchEvent("drop", { dataTransfer });
  await previews(ann).filter({ hasText: "dropped.png" }).waitFor();
  await keepScreenshot(ann, "images to send");
  await ann.page.getByRole("button", { name: "Do not send picked.png" }).click();
  await ann.say("Two of three");
  for (const file of [two, three]) {
    const [{ image }] = await guest.next("message");
    assert.deepEqual([image.name, file.buffer.equals(image.bytes)], [file.name, true]);
  }
  const [{ text }] = await guest.next("message");
  assert.equal(text, "Two of three");
  assert.equal(await previews(ann).count(), 0);
  guest.leave();
});

test("an image that is too big is made smaller, and what is no image is refused with a word", async () => {
  const guest = await guestOf(chat, "Guest");
  await ann.pick({ name: "huge.png", mimeType: "image/png", buffer: Buffer.alloc(950_000) });
  await ann.page.getByRole("alert").filter({ hasText: "huge.png has 950 kB" }).waitFor();
  await ann.pick({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("hello") });
  await ann.page.getByRole("alert").filter({ hasText: "notes.txt is not an image." }).waitFor();
  const noise = await ann.page.evaluate(() => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 900, height: 700 });
    const pen = canvas.getContext("2d");
    const pixels = pen.createImageData(900, 700);
    for (let at = 0; at < pixels.data.length; at += 65_536) crypto.getRandomValues(pixels.data.subarray(at, at + 65_536));
    pen.putImageData(pixels, 0, 0);
    return canvas.toDataURL("image/png").split(",")[1];
  });
  const photo = { name: "photo.png", mimeType: "image/png", buffer: Buffer.from(noise, "base64") };
  assert.ok(photo.buffer.length > 900_000);
  await ann.pick(photo);
  await previews(ann).filter({ hasText: "photo.png" }).waitFor();
  await ann.text.press("Enter");
  const [{ image }] = await guest.next("message");
  assert.ok(image.bytes.length <= 900_000 && image.bytes.length > 10_000, `${image.bytes.length} bytes`);
  await bob.page.waitForFunction(() => [...document.querySelectorAll('.log img[alt="photo.png"]')].some(({ naturalWidth }) => naturalWidth > 100));
  guest.leave();
});

test("the largest image that the page sends arrives", async () => {
  const guest = await guestOf(chat, "Guest");
  await bob.pick({ name: "large.png", mimeType: "image/png", buffer: Buffer.alloc(900_000, 7) });
  await previews(bob).filter({ hasText: "large.png" }).waitFor();
  await bob.text.press("Enter");
  const [{ image }] = await guest.next("message");
  assert.equal(image.bytes.length, 900_000);
  await ann.message("large.png is not an image that this browser can show.").waitFor();
  guest.leave();
});

test("names, messages and images that mean harm are shown as the text they are", async () => {
  const evil = "<img src=x onerror=pwned=1>";
  const texts = ["<script>pwned = 1</script>", '<img src=x onerror="pwned=1">', "javascript:pwned=1", "&lt;b&gt; \u202egnp.exe", "${pwned=1}", "__proto__", '"><svg/onload=pwned=1>'];
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" onload="pwned=1"><script>pwned=1</script></svg>';
  const guest = await guestOf(chat, evil);
  for (const text of texts) {
    await guest.ask("sendMsg", { newAccount: text });
    await guest.ask("private", { to: "Bob", text });
    await guest.ask("image", { name: text, bytes: Buffer.from(svg) });
  }
  for (const text of texts) {
    await bob.message(text).waitFor();
    await bob.message(`${text} is not an image that this browser can show.`).waitFor();
  }
  await keepScreenshot(bob, "hostile");
  guest.socket.emit("typing", { room: "@Bob" });
  await bob.preview(`@${evil}`, "typing …");
  await bob.open(`@${evil}`);
  await bob.reads(...texts.map((text) => `${evil}: ${text}`));
  await bob.page.getByText(`Message ${evil}`).or(bob.page.getByPlaceholder(`Message ${evil}`)).waitFor();
  await bob.join(evil);
  await bob.say("in a group of that name");
  await bob.state("in a group of that name", "sent");
  await bob.page.getByRole("button", { name: "How messages travel" }).click();
  await bob.page.locator("#frames li").filter({ hasText: "typing" }).first().waitFor();
  for (const { page } of [ann, bob]) {
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    assert.equal(await page.locator('[src="x"], [onerror], [onload], body script').count(), 0);
  }
  guest.leave();
});

test("a name like those of an object's own parts is a name", async () => {
  for (const name of ["__proto__", "constructor", "toString"]) {
    const guest = await guestOf(chat, name);
    await guest.ask("join", { room: name });
    await ann.open(`@${name}`);
    await ann.say(`hello ${name}`);
    const [{ room, from, text }] = await guest.next("message");
    assert.deepEqual([room, from, text], ["@Ann", "Ann", `hello ${name}`]);
    await guest.ask("private", { to: "Ann", text: `I am ${name}` });
    await ann.reads(`Ann: hello ${name}`, `${name}: I am ${name}`);
    await ann.join(name);
    await ann.say("a group");
    await ann.reads("Ann: a group");
    guest.leave();
  }
});
