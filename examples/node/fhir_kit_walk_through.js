// From a charge to a balanced invoice with fhir-kit-client (https://github.com/Vermonster/fhir-kit-client).
//
// Start a server (`./run serve --demo`), take the first token that it prints, and in this folder:
//
//     npm ci
//     TOKEN=... node fhir_kit_walk_through.js
//
// BASE_URL says where another server is. What it prints is in fhir_kit_walk_through.out.

import { randomUUID } from "node:crypto";

import { Client } from "fhir-kit-client";

const baseUrl = process.env.BASE_URL ?? "http://127.0.0.1:8080/fhir";
const client = new Client({ baseUrl, bearerToken: process.env.TOKEN });
const PATIENT = { reference: "Patient/fhir-kit" };

const statement = await client.capabilityStatement();
console.log(`the server speaks FHIR ${statement.fhirVersion}`);

const account = await client.create({
  resourceType: "Account",
  body: { resourceType: "Account", status: "active", subject: [PATIENT] },
});

const order = `order-${account.id}`;
const capture = () =>
  client.create({
    resourceType: "ChargeItem",
    body: {
      resourceType: "ChargeItem",
      identifier: [{ system: "urn:example:orders", value: order }],
      status: "billable",
      code: { text: "Chest X-ray" },
      subject: PATIENT,
      account: [{ reference: `Account/${account.id}` }],
      priceOverride: { value: 900, currency: "AFN" },
      overrideReason: "Agreed at the desk",
    },
    options: { headers: { "If-None-Exist": `identifier=urn:example:orders|${order}` } },
  });
const charge = await capture();
console.log(`charge: ${charge.status}; sent again it is the same one: ${(await capture()).id === charge.id}`);

const draft = await client.create({
  resourceType: "Invoice",
  body: {
    resourceType: "Invoice",
    status: "draft",
    subject: PATIENT,
    recipient: PATIENT,
    account: { reference: `Account/${account.id}` },
    lineItem: [{ chargeItemReference: { reference: `ChargeItem/${charge.id}` } }],
  },
});
const patched = await client.patch({
  resourceType: "Invoice",
  id: draft.id,
  jsonPatch: [{ op: "add", path: "/note", value: [{ text: "To be paid at the desk" }] }],
});
console.log(`note of the draft: ${patched.note[0].text}`);
const issued = await client.operation({ name: "issue", resourceType: "Invoice", id: draft.id });
console.log(`invoice ${issued.identifier[0].value}: ${issued.status}, due ${due(issued)}`);

// Each payment has a new key, and keeps it when it is sent again.
const pay = async (value, currency, method) => {
  const answer = await client.operation({
    name: "post-payment",
    resourceType: "Invoice",
    id: issued.id,
    input: {
      resourceType: "Parameters",
      parameter: [
        { name: "amount", valueMoney: { value, currency } },
        { name: "method", valueCode: method },
      ],
    },
    options: { headers: { "Idempotency-Key": randomUUID() } },
  });
  return answer.parameter.find((each) => each.name === "invoice").resource;
};
try {
  await pay(450, "AED", "cash");
} catch (refusal) {
  console.log(`refused with ${refusal.response.status}: ${refusal.response.data.issue[0].details.text}`);
}
for (const method of ["cash", "mobile-money"]) {
  const paid = await pay(450, "AFN", method);
  console.log(`paid 450 by ${method}: ${paid.status}, due ${due(paid)}`);
}

const found = await client.search({
  resourceType: "Invoice",
  searchParams: { account: `Account/${account.id}`, status: "balanced", _include: "Invoice:account" },
});
console.log(`found: ${found.entry.map((each) => `${each.resource.resourceType} (${each.search.mode})`).join(", ")}`);

// All invoices of the demo, by the links between the pages.
let page = await client.search({ resourceType: "Invoice", searchParams: { _count: "5", _sort: "-date" }, options: { postSearch: true } });
const ids = new Set();
for (let pages = 0; page !== undefined && pages < 3; pages += 1) {
  for (const each of page.entry) {
    ids.add(each.resource.id);
  }
  page = await client.nextPage({ bundle: page });
}
console.log(`invoices on three pages of five: ${ids.size}`);

const history = await client.history({ resourceType: "Invoice", id: issued.id });
console.log(`versions of the invoice: ${history.total}`);
const first = await client.vread({ resourceType: "Invoice", id: issued.id, version: "1" });
console.log(`the first was ${first.status}`);

const batch = await client.batch({
  body: {
    resourceType: "Bundle",
    type: "batch",
    entry: [
      { request: { method: "GET", url: `Invoice/${issued.id}` } },
      { request: { method: "DELETE", url: `Invoice/${issued.id}` } },
    ],
  },
});
console.log(`batch: ${batch.entry.map((each) => each.response.status).join(", ")}`);

function due(invoice) {
  const money = invoice.extension.find((each) => each.url.endsWith("/invoice-due")).valueMoney;
  return `${money.value.toFixed(2)} ${money.currency}`;
}
