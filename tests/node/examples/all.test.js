// Every example says how to run it, and is run by a test.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { describe, it } from "node:test";

import { sourceOf } from "../support/head.js";

const examples = new URL("../../../examples/", import.meta.url);
// What the README prints, and a program of its own: both are tested elsewhere.
const others = ["hello", "chat"];

describe("the examples", () => {
  for (const name of readdirSync(examples).filter((name) => !others.includes(name))) {
    it(`${name} has its command in its head comment, and a test`, () => {
      const manifest = readFileSync(new URL(`${name}/Cargo.toml`, examples), "utf8");
      const [, crate] = /^name = "(.*)"$/m.exec(manifest);
      assert.ok(sourceOf(name).includes(`//! cargo run -p ${crate}\n`));
      assert.ok(existsSync(new URL(`${name}.test.js`, import.meta.url)));
    });
  }
});
