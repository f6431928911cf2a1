#!/usr/bin/env bash
# From a charge to a balanced invoice over FHIR, in curl. In one terminal:   ./run serve --demo
# and in another:                                                           examples/walk-through.sh
#
# It needs bash, curl and a server with the demo data; every run makes an account of its own, so it can be repeated.
#     BASE_URL          the server                     http://127.0.0.1:8080/fhir
#     TOKEN             an access token                made with ./run token
#     BILLING_DATA_DIR  the --data-dir of ./run serve  var in the checkout
# What it prints is in walk-through.out, with ids and times replaced; a test compares them.
set -euo pipefail

run=$(dirname -- "$0")/../run
base=${BASE_URL:-http://127.0.0.1:8080/fhir}
token=${TOKEN:-$("$run" token --tenant demo --scope 'system/*.cruds billing:*')}
key=walk-through-$(date +%s)-$$

say() { printf '\n== %s\n' "$*"; }

# fhir METHOD PATH [CURL ARGUMENT ...]: send a request, show it and the answer, keep the answer in $answer.
fhir() {
    local method=$1 path=$2
    shift 2
    answer=$(curl -sS -X "$method" "$base/$path" -H "Authorization: Bearer $token" \
        -H 'Content-Type: application/fhir+json' -w '\nHTTP %{http_code}' "$@")
    printf '%s %s\n' "$method" "$path"
}

# What was answered: all of it, or the lines that match.
show() { printf '%s\n' "$answer" | grep -E "${1:-}|^HTTP "; }

# The id of the resource that was answered; the first one in the JSON is its own.
id() { printf '%s\n' "$answer" | sed -n 's/^ *"id": "\(.*\)",$/\1/p' | head -n 1; }

say "1. An account. It gets the tenant's currency, for life."
fhir POST 'Account?_pretty=true' -d '{
  "resourceType": "Account", "status": "active", "name": "Walk-through",
  "subject": [{"reference": "Patient/walk-through"}]}'
show
account=$(id)

say "2. A charge with a price: it is posted in the same moment (unbilled receivable -> revenue)."
fhir POST 'ChargeItem?_pretty=true' -d '{
  "resourceType": "ChargeItem", "status": "billable",
  "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "99213"}], "text": "Outpatient visit"},
  "subject": {"reference": "Patient/walk-through"}, "account": [{"reference": "Account/'"$account"'"}],
  "occurrenceDateTime": "'"$(date -u +%F)"'",
  "priceOverride": {"value": 1500.00, "currency": "AFN"}, "overrideReason": "Agreed at the desk"}'
show
charge=$(id)

say "3. A draft invoice for it. The server fills in the line and, at issue, the totals."
fhir POST 'Invoice?_pretty=true' -d '{
  "resourceType": "Invoice", "status": "draft", "subject": {"reference": "Patient/walk-through"},
  "recipient": {"reference": "Patient/walk-through"}, "account": {"reference": "Account/'"$account"'"},
  "lineItem": [{"chargeItemReference": {"reference": "ChargeItem/'"$charge"'"}}]}'
show '"(id|versionId|status|reference)"'
invoice=$(id)

say "4. Issue it: a legal number, frozen lines, a due date, and the patient owes it."
fhir POST "Invoice/$invoice/\$issue?_pretty=true"
show

pay='{"resourceType": "Parameters", "parameter": [
  {"name": "amount", "valueMoney": {"value": 750.00, "currency": "AFN"}}, {"name": "method", "valueCode": "cash"},
  {"name": "tendered", "valueMoney": {"value": 1000.00, "currency": "AFN"}}]}'

say "5. Half of it is paid in cash. The answer: the payment, its notice, the invoice as it is now, and the change."
fhir POST "Invoice/$invoice/\$post-payment?_pretty=true" -H "Idempotency-Key: $key-1" -d "$pay"
show

say "6. The cashier's connection broke and the request is sent again: the same answer, and no second payment."
fhir POST "Invoice/$invoice/\$post-payment?_pretty=true" -H "Idempotency-Key: $key-1" -d "$pay" -i
show '[Ii]dempotency-[Rr]eplayed' | tr -d '\r'

say "7. Too many decimals: afghani have two. Nothing is rounded and nothing is written."
fhir POST "Invoice/$invoice/\$post-payment?_pretty=true" -H "Idempotency-Key: $key-2" -d '{
  "resourceType": "Parameters", "parameter": [{"name": "method", "valueCode": "cash"},
  {"name": "amount", "valueMoney": {"value": 749.999, "currency": "AFN"}}]}'
show

say "8. The rest by mobile money. (A refusal does not use a key up: mend the request and send it with the same one.)"
fhir POST "Invoice/$invoice/\$post-payment?_pretty=true" -H "Idempotency-Key: $key-2" -d '{
  "resourceType": "Parameters", "parameter": [{"name": "method", "valueCode": "mobile-money"},
  {"name": "amount", "valueMoney": {"value": 750.00, "currency": "AFN"}}]}'
show '"(resourceType|status)"'

say "9. The invoice is balanced. Nobody set that; it is derived from the journal."
fhir GET "Invoice/$invoice?_pretty=true"
show

say "10. What is open on the account: nothing."
fhir GET "Account/$account/\$balance?_pretty=true"
show '"(name|value|valueCode)"'

say "11. How the invoice came to be: draft, issued, half paid, paid."
fhir GET "Invoice/$invoice/_history?_pretty=true"
show '"(versionId|status)"'

say "12. An issued invoice cannot be edited, not even by a full update."
fhir PUT "Invoice/$invoice?_pretty=true" -d '{
  "resourceType": "Invoice", "id": "'"$invoice"'", "status": "balanced",
  "subject": {"reference": "Patient/somebody-else"}, "account": {"reference": "Account/'"$account"'"}}'
show '"(code|text)"'

say "13. Prove the books."
"$run" check
