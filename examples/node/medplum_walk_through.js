// From a charge to a balanced invoice with Medplum's client (https://www.medplum.com/docs/sdk/core.medplumclient).
//
// Start a server (`./run serve --demo`), take the first token that it prints, and in this folder:
//
//     npm ci
//     TOKEN=... node medplum_walk_through.js
//
// BASE_URL says where another server is. What it prints is in medplum_walk_through.out.

import { randomUUID } from "node:crypto";

import { ContentType, MedplumClient, OperationOutcomeError, getReferenceString } from "@medplum/core";

const base = process.env.BASE_URL ?? "http://127.0.0.1:8080/fhir";
const medplum = new MedplumClient({
  baseUrl: `${new URL(base).origin}/`,
  fhirUrlPath: `${new URL(base).pathname.slice(1)}/`,
  fetch,
  // It would answer from its own memory what the server has changed since.
  cacheTime: 0,
});
medplum.setAccessToken(process.env.TOKEN);
const PATIENT = { reference: "Patient/medplum" };

const account = await medplum.createResource({ resourceType: "Account", status: "active", subject: [PATIENT] });

const order = `order-${account.id}`;
const capture = () =>
  medplum.createResourceIfNoneExist(
    {
      resourceType: "ChargeItem",
      identifier: [{ system: "urn:example:orders", value: order }],
      status: "billable",
      code: { text: "Chest X-ray" },
      subject: PATIENT,
      account: [{ reference: getReferenceString(account) }],
      priceOverride: { value: 900, currency: "AFN" },
      overrideReason: "Agreed at the desk",
    },
    `identifier=urn:example:orders|${order}`,
  );
const charge = await capture();
console.log(`charge: ${charge.status}; sent again it is the same one: ${(await capture()).id === charge.id}`);

const draft = await medplum.createResource({
  resourceType: "Invoice",
  status: "draft",
  subject: PATIENT,
  recipient: PATIENT,
  account: { reference: getReferenceString(account) },
  lineItem: [{ chargeItemReference: { reference: getReferenceString(charge) } }],
});
const noted = await medplum.updateResource({ ...draft, note: [{ text: "To be paid at the desk" }] });
const patched = await medplum.patchResource("Invoice", draft.id, [
  { op: "replace", path: "/note/0/text", value: "To be paid at the front desk" },
]);
console.log(`note of the draft, version ${noted.meta.versionId}, then ${patched.meta.versionId}: ${patched.note[0].text}`);

const issued = await medplum.post(medplum.fhirUrl("Invoice", draft.id, "$issue"), { resourceType: "Parameters" }, ContentType.FHIR_JSON);
console.log(`invoice ${issued.identifier[0].value}: ${issued.status}, due ${due(issued)}`);

// Each payment has a new key, and keeps it when it is sent again.
const pay = async (value, currency, method) => {
  const payment = {
    resourceType: "Parameters",
    parameter: [
      { name: "amount", valueMoney: { value, currency } },
      { name: "method", valueCode: method },
    ],
  };
  const answer = await medplum.post(medplum.fhirUrl("Invoice", issued.id, "$post-payment"), payment, ContentType.FHIR_JSON, {
    headers: { "Idempotency-Key": randomUUID() },
  });
  return answer.parameter.find((each) => each.name === "invoice").resource;
};
try {
  await pay(450, "AED", "cash");
} catch (refusal) {
  console.log(`refused: ${refusal instanceof OperationOutcomeError}, ${refusal.outcome.issue[0].details.text}`);
}
for (const method of ["cash", "mobile-money"]) {
  const paid = await pay(450, "AFN", method);
  console.log(`paid 450 by ${method}: ${paid.status}, due ${due(paid)}`);
}

const found = await medplum.searchResources("Invoice", { account: getReferenceString(account), status: "balanced" });
console.log(`balanced invoices of the account: ${found.length}`);
let seen = 0;
for await (const page of medplum.searchResourcePages("Invoice", { _count: 5, _sort: "-date" })) {
  seen += page.length;
  if (seen >= 15) {
    break;
  }
}
console.log(`invoices on three pages of five: ${seen}`);

const history = await medplum.readHistory("Invoice", issued.id);
console.log(`versions of the invoice: ${history.total}`);
const first = await medplum.readVersion("Invoice", issued.id, "1");
console.log(`the first was ${first.status}`);

const visit = await medplum.executeBatch({
  resourceType: "Bundle",
  type: "transaction",
  entry: [
    {
      fullUrl: "urn:uuid:5f0e7f4e-8d57-4f8a-9f0a-000000000001",
      resource: { resourceType: "Account", status: "active", subject: [PATIENT] },
      request: { method: "POST", url: "Account" },
    },
    {
      resource: { ...withoutIdentity(charge), account: [{ reference: "urn:uuid:5f0e7f4e-8d57-4f8a-9f0a-000000000001" }] },
      request: { method: "POST", url: "ChargeItem" },
    },
  ],
});
console.log(`transaction: ${visit.entry.map((each) => each.response.status).join(", ")}`);

try {
  await medplum.deleteResource("Invoice", issued.id);
} catch (refusal) {
  console.log(`not deleted: ${refusal.outcome.issue[0].details.coding[0].code}`);
}

function withoutIdentity({ id, meta, identifier, extension, ...rest }) {
  return rest;
}

function due(invoice) {
  const money = invoice.extension.find((each) => each.url.endsWith("/invoice-due")).valueMoney;
  return `${money.value.toFixed(2)} ${money.currency}`;
}
