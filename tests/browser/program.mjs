// The programs that tests start, which no test leaves behind.

import { spawn } from "node:child_process";

// As a test that took too long is ended.
process.once("SIGTERM", () => process.exit(1));

/** Starts a program: `end()` ends it, `ended` is when it has, and `isGone` whether. */
export function program(name, args, env = {}) {
  const child = spawn(name, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const abandon = () => child.kill("SIGKILL");
  process.once("exit", abandon);
  child.isGone = false;
  child.ended = new Promise((resolve) => {
    for (const end of ["exit", "error"]) child.once(end, () => resolve());
  }).then(() => {
    child.isGone = true;
    process.off("exit", abandon);
  });
  child.end = () => { child.kill(); return child.ended; };
  return child;
}
