// PouchDB: a server with a LevelDB store, and devices that replicate with it.
//   node pouchdb.mjs server FOLDER
//   node pouchdb.mjs device FOLDER URL RECORDS

import express from "express";
import expressPouch from "express-pouchdb";
import PouchDB from "pouchdb";
import { goOn, phase, recordsOf, tell } from "./turns.mjs";

const [role, folder, url, file] = process.argv.slice(2);
const Local = PouchDB.defaults({ prefix: folder + "/" });

if (role === "server") {
  const app = express();
  app.use("/", expressPouch(Local, { mode: "minimumForPouchDB", logPath: folder + "/log.txt", configPath: folder + "/config.json" }));
  const server = app.listen(0, "127.0.0.1", () => tell({ port: server.address().port }));
  await goOn();
  process.exit(0);
}

const records = recordsOf(file).map(({ id, ...fields }) => ({ _id: id, ...fields }));
const remote = url + "/records";
const first = new Local("first");
for (let at = 0; at < records.length; at += 1000) await first.bulkDocs(records.slice(at, at + 1000));
const second = new Local("second");
tell({ ready: true });
await phase("push", async () => (await first.replicate.to(remote)).docs_written);
await phase("pull", async () => (await second.replicate.from(remote)).docs_written);
// As ours: a device that has nothing new asks and sends.
await phase("no-op", async () => {
  const { push, pull } = await second.sync(remote);
  return push.docs_written + pull.docs_written;
});
await goOn();
process.exit(0);
