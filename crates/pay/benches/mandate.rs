//! What a mandate costs: the whole chain verified, every constraint checked, and the payment counted in the ledger.

use std::hint::black_box;
use std::path::Path;
use tollgate_core::Timestamp;
use tollgate_pay::json::Json;
use tollgate_pay::ledger::{Book, Command, Decision, Limits, Op};
use tollgate_pay::mandate::{Addressed, Chain, Es256Key, Expect};

/// 2026-11-27T12:00:00Z.
const NOW: Timestamp = Timestamp(1_795_780_800_000_000);

fn main() {
    divan::main();
}

/// The chain and the principal's key that the guide has.
fn example() -> Option<(String, Es256Key)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples");
    let token = std::fs::read_to_string(folder.join("mandate-chain.txt")).ok()?;
    let jwk = Json::parse(&std::fs::read(folder.join("mandate-user.jwk")).ok()?).ok()?;
    Some((token.trim_end().to_owned(), Es256Key::from_jwk(&jwk)?))
}

fn verified(token: &str, key: &Es256Key) -> Option<Chain> {
    let hops = [Addressed { audience: "psp.example".into(), nonce: "n-1".into() }];
    Chain::verify(token, |_| Some(key.clone()), &Expect { hops: &hops, now: NOW }).ok()
}

/// Two signatures, all digests, all constraints.
#[divan::bench]
fn verify(bencher: divan::Bencher<'_, '_>) {
    let Some((token, key)) = example() else { return };
    bencher.bench(|| verified(black_box(&token), &key).and_then(|chain| chain.admission(NOW).ok()));
}

/// The same, and the ledger's decision with the bytes that the journal writes.
#[divan::bench]
fn verify_and_consume(bencher: divan::Bencher<'_, '_>) {
    let Some((token, key)) = example() else { return };
    bencher.with_inputs(|| Book::new(Limits::default())).bench_values(|mut book| {
        let admission = verified(black_box(&token), &key)?.admission(NOW).ok()?;
        let command = Command::new("admit", vec![Op::Admit(Box::new(admission))]).ok()?;
        let Ok(Decision::Fresh(entry)) = book.apply(NOW, command) else { return None };
        serde_json::to_vec(&entry).ok()
    });
}
