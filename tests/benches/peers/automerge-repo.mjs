// automerge-repo over WebSocket, with files as its store.
//   node automerge-repo.mjs server FOLDER
//   node automerge-repo.mjs device FOLDER URL RECORDS

import { Repo } from "@automerge/automerge-repo";
import { WebSocketClientAdapter, WebSocketServerAdapter } from "@automerge/automerge-repo-network-websocket";
import { NodeFSStorageAdapter } from "@automerge/automerge-repo-storage-nodefs";
import { WebSocketServer } from "ws";
import { goOn, phase, recordsOf, tell } from "./turns.mjs";

// More at once, and the socket dies while the event loop is busy; documents are then "unavailable".
const AT_ONCE = 250;
const [role, folder, url, file] = process.argv.slice(2);

if (role === "server") {
  const sockets = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await new Promise((listening) => sockets.once("listening", listening));
  new Repo({
    network: [new WebSocketServerAdapter(sockets)],
    storage: new NodeFSStorageAdapter(folder),
    peerId: "server",
    sharePolicy: async () => false,
  });
  tell({ port: sockets.address().port });
  await goOn();
  process.exit(0);
}

function device(name) {
  const adapter = new WebSocketClientAdapter(url.replace("http:", "ws:"));
  const repo = new Repo({
    network: [adapter],
    storage: new NodeFSStorageAdapter(`${folder}/${name}`),
    peerId: `${name}-${Math.random()}`,
  });
  return { repo, adapter };
}

const pause = (ms) => new Promise((over) => setTimeout(over, ms));

// Waits until the server has said of each document that it stands where this device stands.
async function settled({ repo }, handles) {
  const { storageId } = repo.peerMetadataByPeerId.server;
  let open = handles.map((handle) => [handle, handle.heads().join()]);
  while (open.length > 0) {
    open = open.filter(([handle, ours]) => handle.getSyncInfo(storageId)?.lastHeads?.join() !== ours);
    if (open.length > 0) await pause(20);
  }
}

// A busy server answers some questions too late, and the library gives up on them: they are asked again.
async function findOne(repo, url) {
  for (let tries = 5; ; tries -= 1) {
    try {
      return await repo.find(url);
    } catch (error) {
      if (tries === 0) throw error;
    }
  }
}

// There is no list of documents: whoever pulls must know every address.
async function find(repo, urls) {
  const handles = [];
  for (let at = 0; at < urls.length; at += AT_ONCE) {
    const part = urls.slice(at, at + AT_ONCE).map((each) => findOne(repo, each));
    handles.push(...(await Promise.all(part)));
  }
  return handles;
}

const records = recordsOf(file);
let urls = [];
let first;
tell({ ready: true });
await phase("push", async () => {
  first = device("first");
  await first.repo.networkSubsystem.whenReady();
  const handles = [];
  for (let at = 0; at < records.length; at += AT_ONCE) {
    handles.push(...records.slice(at, at + AT_ONCE).map((record) => first.repo.create(record)));
    await pause(0);
  }
  await settled(first, handles);
  urls = handles.map((handle) => handle.url);
  return handles.length;
});
first.adapter.disconnect();
let second;
await phase("pull", async () => {
  second = device("second");
  await second.repo.networkSubsystem.whenReady();
  const handles = await find(second.repo, urls);
  await settled(second, handles);
  return handles.filter((handle) => handle.doc().id).length;
});
await second.repo.flush();
second.adapter.disconnect();
await phase("no-op", async () => {
  const again = device("second");
  await again.repo.networkSubsystem.whenReady();
  await settled(again, await find(again.repo, urls));
  return 0;
});
await goOn();
process.exit(0);
