#!/usr/bin/env bash
# Whole tasks by the command line, paid by card. Called by run.sh, with TOLLGATE_BIN, TOLLGATE_CARD_API, HOOK, HOOK_PORT and WORK.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$WORK"
. "$here/../lib/escrow.sh"
api() { curl -sS --fail -u sk_test_12345: "$@"; }
# card NUMBER: its name at the API.
card() {
    api "$TOLLGATE_CARD_API/v1/payment_methods" -d type=card -d "card[number]=$1" -d 'card[exp_month]=12' -d 'card[exp_year]=2030' \
        -d 'card[cvc]=123' | sed -n 's/^  "id": "\(pm_[^"]*\)".*/\1/p'
}

mkdir -p pay/card
parties
printf 'sk_test_12345\n' >pay/card/secret.key
printf 'whsec_of_this_test\n' >pay/card/hook.key
cat >pay/card/rail.json <<END
{"api": "$TOLLGATE_CARD_API", "secret": "secret.key", "merchant": "acct_shop", "assets": ["EUR/2"], "off_session": false,
 "webhook_secrets": ["hook.key"]}
END
api -X POST "$TOLLGATE_CARD_API/_config/webhooks/ours" -H 'content-type: application/json' \
    -d "{\"url\": \"http://127.0.0.1:$HOOK_PORT/\", \"secret\": \"whsec_of_this_test\", \"events\": [\"payment_intent.succeeded\"]}"
for payer in ada poor; do payer_account "acct_$payer" EUR 2; done
terms() { agree "$1" --rail card --asset EUR/2 --fund "acct_$2=10000" --payee-account acct_shop; }

# Nobody works for an account without a card.
terms early ada
! tollgate pay escrow apply early.json --data pay 2>/dev/null || { echo "terms without a card were taken" >&2; exit 1; }
tollgate pay rail card file acct_ada --payment-method "$(card 4242424242424242)" --data pay
tollgate pay rail card file acct_poor --payment-method "$(card 4000000000000341)" --data pay

terms translate ada
lock translate
in_phase "$id" locked
[[ $(tollgate pay rail card status "$id" --data pay) == *held* ]]
decide 8000
order
in_phase "$id" released
status=$(tollgate pay rail card status "$id" --data pay)
[[ $status == *"10000 eur, 8000 captured"* ]] || { echo "$status" >&2; exit 1; }

# The webhook that localstripe sent of it: whoever does not have the secret says nothing.
timeout 60 cat "$HOOK" >event
head -1 event >signature && tail -n +2 event >body.json
tollgate pay rail card event body.json --signature "$(tr -d '\n' <signature)" --data pay
printf ' ' >>body.json
! tollgate pay rail card event body.json --signature "$(tr -d '\n' <signature)" --data pay 2>/dev/null || exit 1

# Refunds: once for a key, and no more than was captured.
tollgate pay rail card refund "$id" --amount 500 --key order-17 --data pay
tollgate pay rail card refund "$id" --amount 500 --key order-17 --data pay
! tollgate pay rail card refund "$id" --amount 7501 --key order-18 --data pay 2>/dev/null || exit 1
expect "$(tollgate pay rail card status "$id" --data pay --json | grep -c '"key": "order-17"')" 1 "refunds under the key"

# Nothing was delivered as agreed: all of it goes back.
terms build ada
lock build
in_phase "$id" locked
decide 0
order
in_phase "$id" refunded
[[ $(tollgate pay rail card status "$id" --data pay) == *cancelled* ]]

# A card that is refused is no lock.
terms paint poor
lock paint
in_phase "$id" authorized
expect "$(tollgate pay rail card reconcile --data pay)" "nothing is under way" "what is under way"
echo "tasks were held, captured in part, refunded, given back and refused by card"
