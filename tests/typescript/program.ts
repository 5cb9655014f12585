// A small program on the types that are generated from the served document: it has to compile in strict mode.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Rig = components["schemas"]["RigView"];
type Job = components["schemas"]["JobView"];

const client = createClient<paths>({ baseUrl: process.argv[2] ?? "http://127.0.0.1:9090" });

/** Say what a rig does, or why it is missing. */
function said(rig: Rig): string {
  const rates: string[] = rig.miners.map((miner) => `${miner.name} ${miner.hashrate ?? "?"} H/s`);
  return rig.error === "" ? rates.join(", ") : `${rig.errorCode}: ${rig.error}`;
}

const peers = await client.GET("/api/v1/mining/peers", { params: { query: { limit: 10, sort: "name" } } });
if (peers.error) throw new Error(peers.error.error);
for (const peer of peers.data) console.log(peer.id, peer.name, peer.tags.length, peer.lastSeen ?? "never");

const fleet = await client.GET("/api/v1/mining/remote/stats");
if (fleet.error) throw new Error(`${fleet.error.code}: ${fleet.error.suggestion ?? ""}`);
for (const [id, rig] of Object.entries(fleet.data)) console.log(id, said(rig));

const first = peers.data[0];
if (first) {
  const read = await client.GET("/api/v1/mining/peers/{peer}", { params: { path: { peer: first.id } } });
  const tag = read.response.headers.get("ETag") ?? "*";
  const edited = await client.PATCH("/api/v1/mining/peers/{peer}", {
    params: { path: { peer: first.id }, header: { "If-Match": tag } },
    body: { tags: ["cellar"] },
  });
  console.log(edited.response.status, edited.data?.tags, edited.error?.code);
}

const started = await client.POST("/api/v1/mining/remote/stop", {
  params: { header: { "Idempotency-Key": crypto.randomUUID() } },
  body: { filter: { tags: ["cellar"], online: true }, dryRun: true },
});
if (started.error) throw new Error(started.error.error);
const job: Job = started.data;
console.log(job.state, job.counts.done, job.peers.map((rig) => rig.name));

// What the document does not say does not compile.
// @ts-expect-error - a name is text
client.POST("/api/v1/mining/profiles", { body: { name: 1, minerType: "xmrig", config: {} } });
// @ts-expect-error - a profile needs a miner type
client.POST("/api/v1/mining/profiles", { body: { name: "a", config: {} } });
// @ts-expect-error - there is no such route
client.GET("/api/v1/mining/rigs");
// @ts-expect-error - a state is one of those there are
const state: Job["state"] = "finished";
console.log(state);
