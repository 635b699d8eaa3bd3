// How a driver talks with the benchmark: a line of JSON when a phase is over, a line back to go on.

import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export function tell(what) {
  process.stdout.write(JSON.stringify(what) + "\n");
}

export async function goOn() {
  const { done } = await lines.next();
  if (done) process.exit(0);
}

// Runs one phase when told to, and says how long it took.
export async function phase(name, work) {
  await goOn();
  const begun = performance.now();
  const records = await work();
  tell({ phase: name, ms: performance.now() - begun, records });
}

export function recordsOf(file) {
  return readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line));
}
