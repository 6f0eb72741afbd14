//! The log against the published definitions, against itself, and against what others make.

use proptest::prelude::*;
use tollgate_core::Timestamp;
use tollgate_pay::log::{
    AddCheckpoint, Answered, Checkpoint, Cosigned, Frontier, Hash, Memory, Note, Policy, Receipt, Role,
    SigningKey, Tile, VerifyingKey, Witness, bundle, consistency, inclusion, leaf_hash, node_hash,
    range_root, unbundle, verify_consistency, verify_inclusion,
};

/// The definition of RFC 6962, section 2.1, word for word.
fn mth(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => Frontier::default().root(),
        [one] => leaf_hash(one),
        more => {
            let k = (1..).map(|n| 1usize << n).take_while(|k| *k < more.len()).last().unwrap_or(1);
            node_hash(&mth(&more[..k]), &mth(&more[k..]))
        }
    }
}

fn entries(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|n| n.to_string().into_bytes()).collect()
}

fn tree(count: u64) -> (Memory, Frontier) {
    let (mut nodes, mut tree) = (Memory::default(), Frontier::default());
    for entry in entries(count) {
        tree.push_into(leaf_hash(&entry), &mut |level, index, hash| nodes.put(level, index, hash));
    }
    (nodes, tree)
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Roots of the Certificate Transparency test trees (RFC 6962's reference implementation): the empty tree, and the eight
/// leaves "", 00, 10, 2021, 3031, 40414243, 5051525354555657, 606162636465666768696a6b6c6d6e6f.
#[test]
fn roots_are_the_published_ones() {
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let leaves: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let mut tree = Frontier::default();
    assert_eq!(hex(&tree.root()), roots[0]);
    for (leaf, root) in leaves.iter().zip(&roots[1..]) {
        tree.push(leaf_hash(leaf));
        assert_eq!(hex(&tree.root()), *root, "size {}", tree.size());
    }
}

#[test]
fn every_proof_of_every_small_tree_holds_and_no_other_does() {
    let (nodes, _) = tree(40);
    let all = entries(40);
    for size in 1..=40u64 {
        let root = mth(&all[..size as usize]);
        assert_eq!(range_root(&nodes, 0, size), Some(root));
        assert_eq!(Frontier::of(&nodes, size).unwrap().root(), root);
        for index in 0..size {
            let proof = inclusion(&nodes, index, size).unwrap();
            let leaf = leaf_hash(&all[index as usize]);
            verify_inclusion(leaf, index, size, &proof, root).unwrap();
            // The proof binds the index, the size, the root and its own length.
            for other in (0..size).filter(|other| *other != index) {
                assert!(verify_inclusion(leaf, other, size, &proof, root).is_err(), "{index} {other} {size}");
            }
            assert!(verify_inclusion(leaf, index, size, &proof, leaf_hash(b"x")).is_err());
            let longer = [proof.clone(), vec![leaf]].concat();
            assert!(verify_inclusion(leaf, index, size, &longer, root).is_err());
            if let Some((_, shorter)) = proof.split_last() {
                assert!(verify_inclusion(leaf, index, size, shorter, root).is_err());
            }
        }
        assert_eq!(inclusion(&nodes, size, size), None);
        for old in 1..=size {
            let proof = consistency(&nodes, old, size).unwrap();
            let old_root = mth(&all[..old as usize]);
            verify_consistency(old, old_root, size, root, &proof).unwrap();
            assert!(verify_consistency(old, leaf_hash(b"fork"), size, root, &proof).is_err());
            assert!(verify_consistency(old, old_root, size, leaf_hash(b"fork"), &proof).is_err());
            let longer = [proof.clone(), vec![root]].concat();
            assert!(verify_consistency(old, old_root, size, root, &longer).is_err());
            if let Some((_, shorter)) = proof.split_last() {
                assert!(verify_consistency(old, old_root, size, root, shorter).is_err(), "{old} {size}");
            }
        }
        assert!(verify_consistency(size + 1, root, size, root, &[]).is_err());
    }
}

fn log_key() -> SigningKey {
    SigningKey::from_seed("example.com/log", Role::Log, &[7; 32]).unwrap()
}

fn witness_key(n: u8) -> SigningKey {
    SigningKey::from_seed(&format!("witness{n}.example"), Role::Witness, &[n; 32]).unwrap()
}

fn checkpoint(size: u64) -> Note {
    let root = tree(size).1.root();
    Checkpoint { origin: "example.com/log".into(), size, root }.sign(&log_key()).unwrap()
}

/// The key and the note of the documentation of Go's `golang.org/x/mod/sumdb/note`.
#[test]
fn a_note_that_others_signed_is_accepted() {
    let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let text = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n\
                \n\
                — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let key: VerifyingKey = key.parse().unwrap();
    let note = Note::parse(text).unwrap();
    note.verify(&key).unwrap();
    assert_eq!(note.to_string(), text);
    assert!(Note::parse(&text.replace("answer", "anchor")).unwrap().verify(&key).is_err());
}

#[test]
fn a_checkpoint_binds_origin_size_root_and_key() {
    let (note, key) = (checkpoint(5), log_key());
    let read = Note::parse(&note.to_string()).unwrap();
    let verified = Checkpoint::verified(&read, key.public(), "example.com/log").unwrap();
    assert_eq!((verified.size, verified.root), (5, tree(5).1.root()));
    assert!(Checkpoint::verified(&read, key.public(), "example.com/other").is_err());
    // The same name and another key: the hint differs, so there is no line of that key.
    let other = SigningKey::from_seed("example.com/log", Role::Log, &[8; 32]).unwrap();
    assert!(Checkpoint::verified(&read, other.public(), "example.com/log").is_err());
    let grown = note.to_string().replacen("\n5\n", "\n6\n", 1);
    assert!(Checkpoint::verified(&Note::parse(&grown).unwrap(), key.public(), "example.com/log").is_err());
    for text in
        ["", "o\n5\n", "o\n05\nAAAA\n", "\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", "o\n+5\nx\n"]
    {
        assert!(Checkpoint::parse(text).is_err(), "{text:?}");
    }
}

/// The signing key of the documentation of Go's `golang.org/x/mod/sumdb/note`, and what it signs there.
#[test]
fn a_signing_key_that_others_made_signs_the_same() {
    let text = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    let key = SigningKey::from_text(text).unwrap();
    assert_eq!(key.reveal(), text);
    assert_eq!(
        key.public().to_string(),
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    );
    assert!(SigningKey::from_text(&text.replace("c74f", "c74e")).is_err());
    assert!(!format!("{key:?}").contains("AYEK"));
}

#[test]
fn keys_have_one_spelling() {
    let text = log_key().public().to_string();
    assert_eq!(text.parse::<VerifyingKey>().unwrap().to_string(), text);
    let wrong =
        [text.replacen('+', "+0", 1), text.replace("example", "exbmple"), format!("{text} "), "a+b".into()];
    for text in wrong {
        assert!(text.parse::<VerifyingKey>().is_err(), "{text}");
    }
    for name in ["", "a b", "a+b", "a\nb"] {
        assert!(SigningKey::from_seed(name, Role::Log, &[1; 32]).is_err(), "{name:?}");
    }
}

#[test]
fn a_witness_refuses_forks_and_rollbacks() {
    let mut witness = Witness::new(witness_key(1)).unwrap();
    let (nodes, now) = (tree(20).0, Timestamp(1_700_000_000_000_000));
    witness.watch("example.com/log", log_key().public().clone(), 0, [0; 32]).unwrap();
    witness.cosign(&mut checkpoint(5), 0, &[], now).unwrap();
    let mut grown = checkpoint(12);
    let proof = consistency(&nodes, 5, 12).unwrap();
    // An old size that is not the one seen, a proof of something else, and a fork.
    assert!(witness.cosign(&mut grown.clone(), 4, &consistency(&nodes, 4, 12).unwrap(), now).is_err());
    assert!(witness.cosign(&mut grown.clone(), 5, &proof[1..], now).is_err());
    let fork = Checkpoint { origin: "example.com/log".into(), size: 12, root: leaf_hash(b"fork") };
    assert!(witness.cosign(&mut fork.sign(&log_key()).unwrap(), 5, &proof, now).is_err());
    assert_eq!(witness.size("example.com/log"), Some(5));
    witness.cosign(&mut grown, 5, &proof, now).unwrap();
    assert_eq!(Cosigned::verified(&grown, witness_key(1).public()).unwrap().time, now);
    // A rollback, and the same size with another root.
    assert!(witness.cosign(&mut checkpoint(5), 12, &[], now).is_err());
    assert!(witness.cosign(&mut fork.sign(&log_key()).unwrap(), 12, &[], now).is_err());
    let keys = [witness_key(1), witness_key(2)].map(|key| key.public().clone());
    Policy::of(&keys, 1).unwrap().met(&grown).unwrap();
    assert!(Policy::of(&keys, 2).unwrap().met(&grown).is_err());
    // One witness named twice is one witness, and a log's key is no witness's.
    assert!(Policy::of(&[keys[0].clone(), keys[0].clone()], 2).is_err());
    assert!(Witness::new(log_key()).is_err());
}

/// What the witness protocol (C2SP tlog-witness) answers to what.
#[test]
fn a_witness_answers_as_its_protocol_says() {
    let mut witness = Witness::new(witness_key(1)).unwrap();
    let (nodes, now) = (tree(20).0, Timestamp(1_700_000_000_000_000));
    witness.watch("example.com/log", log_key().public().clone(), 0, [0; 32]).unwrap();
    let body = |old, proof: Vec<_>, checkpoint: &Note| {
        let request = AddCheckpoint { old, proof, checkpoint: checkpoint.clone() };
        let text = request.to_string();
        assert_eq!(AddCheckpoint::parse(&text).unwrap(), request, "{text}");
        text
    };
    let from_to = |old, new| consistency(&nodes, old, new).unwrap();
    let other = Checkpoint { origin: "example.com/other".into(), size: 5, root: tree(5).1.root() };
    let fork = Checkpoint { origin: "example.com/log".into(), size: 12, root: leaf_hash(b"fork") };
    let unsigned = Checkpoint { origin: "example.com/log".into(), size: 5, root: tree(5).1.root() };
    let stranger = SigningKey::from_seed("example.com/log", Role::Log, &[9; 32]).unwrap();
    let steps = [
        ("no request", "old 05\n\nx".to_owned(), 400),
        ("a log that is not watched", body(0, vec![], &other.sign(&log_key()).unwrap()), 404),
        ("a stranger's signature", body(0, vec![], &unsigned.sign(&stranger).unwrap()), 403),
        ("a first checkpoint", body(0, vec![], &checkpoint(5)), 200),
        ("an old size beyond the new", body(6, vec![], &checkpoint(5)), 400),
        ("another old size than the one seen", body(4, from_to(4, 12), &checkpoint(12)), 409),
        ("a proof that does not hold", body(5, from_to(4, 12), &checkpoint(12)), 422),
        ("a fork", body(5, from_to(5, 12), &fork.sign(&log_key()).unwrap()), 422),
        ("what continues it", body(5, from_to(5, 12), &checkpoint(12)), 200),
        ("the same again", body(12, vec![], &checkpoint(12)), 200),
        ("another tree of that size", body(12, vec![], &fork.sign(&log_key()).unwrap()), 409),
        ("a rollback", body(5, vec![], &checkpoint(5)), 409),
    ];
    for (what, body, status) in steps {
        let answered = witness.answer(&body, now);
        let (said, kind, text) = answered.response();
        assert_eq!(said, status, "{what}: {text}");
        match Answered::read(said, &text) {
            Answered::Cosigned(lines) => {
                let mut note = AddCheckpoint::parse(&body).unwrap().checkpoint;
                assert!(Cosigned::take(&mut note.clone(), &lines, witness_key(2).public()).is_err());
                assert_eq!(Cosigned::take(&mut note, &lines, witness_key(1).public()).unwrap().time, now);
                Policy::of(&[witness_key(1).public().clone()], 1).unwrap().met(&note).unwrap();
            }
            Answered::Conflict(size) => {
                assert_eq!((Some(size), kind), (witness.size("example.com/log"), Answered::SIZE_TYPE));
            }
            Answered::Refused(..) => {}
        }
    }
    assert_eq!(witness.seen("example.com/log"), Some((12, tree(12).1.root())));
}

/// The language of C2SP tlog-policy: who counts, groups of groups, and what is no policy.
#[test]
fn a_policy_counts_witnesses_in_groups() {
    let key = |n: u8| witness_key(n).public().to_string();
    let head = format!(
        "# whom we believe\nlog {}\n\n witness X1 {}\nwitness\tX2 {} https://x2.example/\nwitness X3 {}\nwitness Y1 {}\n",
        log_key().public(),
        key(1),
        key(2),
        key(3),
        key(4)
    );
    let groups = "group X 2 X1 X2 X3\ngroup Y any Y1\ngroup both all X Y\n";
    let seen_by = |who: &[u8]| {
        let mut note = checkpoint(5);
        for n in who {
            let mut witness = Witness::new(witness_key(*n)).unwrap();
            witness.watch("example.com/log", log_key().public().clone(), 0, [0; 32]).unwrap();
            witness.cosign(&mut note, 0, &[], Timestamp(0)).unwrap();
        }
        note
    };
    let policy = |quorum: &str| Policy::parse(&format!("{head}{groups}quorum {quorum}\n")).unwrap();
    for (quorum, who, holds) in [
        ("none", vec![], true),
        ("X1", vec![2, 3], false),
        ("X1", vec![1], true),
        ("X", vec![1], false),
        ("X", vec![1, 3], true),
        ("both", vec![1, 2, 3], false),
        ("both", vec![1, 4], false),
        ("both", vec![3, 1, 4], true),
        ("both", vec![9, 1, 4], false),
    ] {
        assert_eq!(policy(quorum).met(&seen_by(&who)).is_ok(), holds, "{quorum} by {who:?}");
    }
    assert_eq!(Policy::parse(&policy("both").to_string()).unwrap(), policy("both"));
    let urls: Vec<_> = policy("X").witnesses().iter().map(|witness| witness.url.clone()).collect();
    assert_eq!(urls, [None, Some("https://x2.example".to_owned()), None, None]);
    policy("X").is_about(log_key().public()).unwrap();
    let stranger = SigningKey::from_seed("example.com/log", Role::Log, &[9; 32]).unwrap();
    assert!(policy("X").is_about(stranger.public()).is_err());
    for (what, lines) in [
        ("no quorum", String::new()),
        ("two quorums", "quorum X1\nquorum X1\n".into()),
        ("a quorum of nobody", "quorum Z\n".into()),
        ("more than there are", "group Z 3 X1 X2\nquorum Z\n".into()),
        ("none at all", "group Z 0 X1 X2\nquorum Z\n".into()),
        ("an empty group", "group Z all\nquorum Z\n".into()),
        ("a member twice", "group Z 2 X1 X1\nquorum Z\n".into()),
        ("a member of two groups", "group Z any X1\ngroup W any X1 X2\nquorum W\n".into()),
        ("a member of a later line", "group Z any W\ngroup W any X1\nquorum Z\n".into()),
        ("a name twice", format!("witness X1 {}\nquorum X1\n", key(8))),
        ("a key twice", format!("witness X8 {}\nquorum X1\n", key(1))),
        ("a log as a witness", format!("witness X8 {}\nquorum X1\n", log_key().public())),
        ("a name that is taken", format!("witness none {}\nquorum X1\n", key(8))),
        ("another word", "trust X1\nquorum X1\n".into()),
        ("a control character", "quorum\u{b}X1\n".into()),
    ] {
        assert!(Policy::parse(&format!("{head}{lines}")).is_err(), "{what}");
    }
}

#[test]
fn a_receipt_proves_an_entry_offline() {
    let (nodes, all) = (tree(9).0, entries(9));
    let receipt = Receipt {
        extra: Some(all[3].clone()),
        index: 3,
        path: inclusion(&nodes, 3, 9).unwrap(),
        checkpoint: checkpoint(9),
    };
    let text = receipt.to_string();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra Mw==\nindex 3\n"), "{text}");
    let read = Receipt::parse(&text).unwrap();
    assert_eq!(read, receipt);
    let key = log_key();
    assert_eq!(read.verify(&all[3], key.public(), "example.com/log").unwrap().size, 9);
    assert!(read.verify(&all[4], key.public(), "example.com/log").is_err());
    for wrong in [text.replacen("index 3", "index 4", 1), text.replacen("@v1", "@v2", 1)] {
        let held = Receipt::parse(&wrong).and_then(|r| r.verify(&all[3], key.public(), "example.com/log"));
        assert!(held.is_err());
    }
}

/// Paths as the examples of C2SP tlog-tiles write them.
#[test]
fn tiles_have_the_published_paths() {
    let path = |level, index, width| Tile { level, index, width }.path();
    assert_eq!(path(0, 0, 256), "tile/0/000");
    assert_eq!(path(1, 1_234_067, 256), "tile/1/x001/x234/067");
    assert_eq!(path(1, 1_234_067, 8), "tile/1/x001/x234/067.p/8");
    assert_eq!(Tile { level: 0, index: 273, width: 112 }.bundle_path(), "tile/entries/273.p/112");
    // A tree of 70,000 leaves: 273 full tiles and one of 112 hashes at level 0, 273 hashes at level 1.
    let holding = |level, index| Tile::holding(level, index, 70_000);
    assert_eq!(holding(0, 69_999), Some((Tile { level: 0, index: 273, width: 112 }, 111)));
    assert_eq!(holding(8, 272), Some((Tile { level: 1, index: 1, width: 17 }, 16)));
    assert_eq!(holding(8, 273), None);
    assert_eq!(holding(0, 70_000), None);
    assert_eq!(holding(4, 0), None, "levels between tiles are computed from them");
}

proptest! {
    #[test]
    fn bundles_give_back_their_entries(all in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..9)) {
        let bytes = bundle(all.iter().map(Vec::as_slice)).unwrap();
        prop_assert_eq!(unbundle(&bytes).unwrap(), all.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }

    #[test]
    fn foreign_text_is_read_or_refused(text in "(c2sp.org/tlog-proof@v1\n)?(extra [a-zA-Z0-9+/=]{0,9}\n)?(index [0-9]{1,3}\n)?([a-zA-Z0-9+/=]{44}\n){0,3}\n?[a-z\n—. 0-9]{0,60}") {
        // What is read is written back byte for byte: there is no second spelling.
        if let Ok(receipt) = Receipt::parse(&text) {
            prop_assert_eq!(receipt.to_string(), text.clone());
        }
        if let Ok(note) = Note::parse(&text) {
            prop_assert_eq!(note.to_string(), text);
        }
    }

    #[test]
    fn a_flipped_byte_of_a_receipt_is_refused(at in any::<prop::sample::Index>(), bit in 0..7u8) {
        let (nodes, all) = (tree(9).0, entries(9));
        let path = inclusion(&nodes, 3, 9).unwrap();
        let receipt = Receipt { extra: None, index: 3, path, checkpoint: checkpoint(9) };
        let mut bytes = receipt.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(text) = String::from_utf8(bytes) {
            let held = Receipt::parse(&text).and_then(|r| r.verify(&all[3], log_key().public(), "example.com/log"));
            prop_assert!(held.is_err());
        }
    }
}
