// Reads a simulated organisation with jsforce: node by_jsforce.js FOLDER < request.json, after `npm ci --ignore-scripts` in this folder.
//
// The request holds base_url and access_token. Every run reads all records, deleted ones included, by queryAll, and appends them as
// messages; ids by the Bulk API 2.0 must be the same, or it fails. Addresses are given to the library itself: nothing is redirected.

import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import jsforce from "jsforce";

const OBJECTS = [
  "Account", "Campaign", "CampaignMember", "Contact", "ContactPointConsent", "ContactPointTypeConsent", "Event", "Individual", "Lead",
  "Opportunity", "OpportunityContactRole", "OpportunityHistory", "OpportunityStage", "Subscription__c", "Task", "User",
];
// Read by queries alone: bulk jobs refuse it.
const WITHOUT_JOBS = ["OpportunityStage"];

const folder = process.argv[2];
const request = JSON.parse(readFileSync(0, "utf8"));
const connection = new jsforce.Connection({
  instanceUrl: request.base_url,
  loginUrl: request.base_url,
  accessToken: request.access_token,
});
mkdirSync(folder, { recursive: true });

async function idsOfJob(name) {
  const ids = new Set();
  const stream = await connection.bulk2.query(`SELECT Id FROM ${name}`, { pollInterval: 100, pollTimeout: 60_000 });
  for await (const record of stream) ids.add(record.Id);
  return ids;
}

const described = await connection.describeGlobal();
const present = new Set(described.sobjects.filter((entry) => entry.queryable).map((entry) => entry.name));
for (const name of OBJECTS.filter((object) => present.has(object))) {
  const { fields } = await connection.describe(name);
  // Compound fields repeat what their parts say.
  const names = fields.filter((field) => !["address", "location"].includes(field.type)).map((field) => field.name);
  const living = new Set();
  let result = await connection.query(`SELECT ${names.join(", ")} FROM ${name}`, { scanAll: true, autoFetch: false });
  for (;;) {
    const lines = result.records.map(({ attributes, ...record }) => {
      // A plain query gives neither deleted records nor archived activities.
      if (!record.IsDeleted && !record.IsArchived) living.add(record.Id);
      return `${JSON.stringify({ type: "RECORD", stream: name, record })}\n`;
    });
    appendFileSync(join(folder, "messages.jsonl"), lines.join(""));
    if (result.done) break;
    result = await connection.queryMore(result.nextRecordsUrl);
  }
  if (WITHOUT_JOBS.includes(name)) continue;
  const byJob = await idsOfJob(name);
  const apart = [...living].filter((id) => !byJob.has(id)).length + [...byJob].filter((id) => !living.has(id)).length;
  if (apart > 0) throw new Error(`${name}: ${living.size} records by REST, ${byJob.size} by a bulk job, ${apart} not in both`);
}
