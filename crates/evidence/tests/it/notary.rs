//! Presentations of TLSNotary made here: notary, root and server of our own. What they are made of is written twice, as the
//! file has it and as it is hashed, so a mistake of the reader does not hide in the maker.

use crate::data::{TLSN, samples};
use crate::forge::{House, NOW, bound_only, der, extension, judge, seq};
use k256::ecdsa::SigningKey;
use tollgate_evidence::{Bind, Claims, Kind, Policy, PublicKey, Refusal, Signer};

const SENT: &[u8] = b"GET /jobs/7?full=1 HTTP/1.1\r\nHost: api.example.com\r\nCookie: secret\r\n\r\n";
const RECEIVED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nSet-Cookie: secret\r\n\r\n{\"done\": true}";

/// Which way, and the ranges of one commitment.
type Part = (bool, Vec<(usize, usize)>);

/// What a presentation is to say. All of it is true by default.
struct Made {
    name: &'static str,
    time: i64,
    sent: Vec<u8>,
    received: Vec<u8>,
    /// Commitments, and which of them are opened.
    parts: Vec<Part>,
    opened: Vec<usize>,
    extensions: Vec<(Vec<u8>, Vec<u8>)>,
    notary: u8,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            name: "api.example.com",
            time: NOW - 10,
            sent: SENT.to_vec(),
            received: RECEIVED.to_vec(),
            parts: vec![(false, vec![(0, SENT.len())]), (true, vec![(0, RECEIVED.len())])],
            opened: vec![0, 1],
            extensions: Vec::new(),
            notary: 3,
        }
    }
}

fn blake(parts: &[&[u8]]) -> [u8; 32] {
    blake3::hash(&parts.concat()).into()
}

fn long(of: usize) -> [u8; 8] {
    (of as u64).to_le_bytes()
}

/// A count as LEB128, for counts below 16,384.
fn leb(of: usize) -> Vec<u8> {
    if of < 0x80 { vec![of as u8] } else { vec![(of & 0x7f) as u8 | 0x80, (of >> 7) as u8] }
}

/// The same bytes in both forms: as the file has them, and as they are hashed.
#[derive(Default, Clone)]
struct Both(Vec<u8>, Vec<u8>);

impl Both {
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self.1.extend(bytes);
        self
    }

    fn count(mut self, of: usize) -> Self {
        self.0.extend(long(of));
        self.1.extend(leb(of));
        self
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        self.count(bytes.len()).raw(bytes)
    }

    fn variant(mut self, of: u8) -> Self {
        self.0.extend([of, 0, 0, 0]);
        self.1.push(of);
        self
    }

    fn ranges(self, of: &[(usize, usize)]) -> Self {
        let counted = self.count(of.len());
        of.iter().fold(counted, |both, (from, until)| both.raw(&long(*from)).raw(&long(*until)))
    }

    fn field(&self, name: &str) -> [u8; 32] {
        blake(&[&blake(&[name.as_bytes()])[..16], &self.1])
    }
}

fn root(mut level: Vec<[u8; 32]>) -> [u8; 32] {
    while level.len() > 1 {
        level = level.chunks(2).map(|p| if let [l, r] = p { blake(&[l, r]) } else { p[0] }).collect();
    }
    level[0]
}

fn secret(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

impl Made {
    fn part(&self, (received, ranges): &Part) -> Vec<u8> {
        let side = if *received { &self.received } else { &self.sent };
        ranges.iter().flat_map(|(from, until)| side[*from..*until].to_vec()).collect()
    }

    /// The server's identity, as `house` certifies it for `api.example.com`.
    fn identity(&self, house: &House, ephemeral: &Both) -> Both {
        let names = seq(&[der(0x82, b"api.example.com"), der(0x82, b"*.tools.example.com")]);
        let purpose = seq(&[der(6, &[0x2b, 6, 1, 5, 5, 7, 3, 1])]);
        let more =
            vec![extension(&[0x55, 0x1d, 17], false, &names), extension(&[0x55, 0x1d, 37], false, &purpose)];
        let chain = house.chain(more);
        let message = [&[1_u8; 32][..], &[2; 32], &[3, 0, 0x17, 65], &point()].concat();
        let start = Both::default().count(chain.len());
        let certificates = chain.iter().fold(start, |both, der| both.bytes(der));
        certificates
            .variant(3)
            .bytes(&house.leaf.sign(&message, true))
            .variant(0)
            .raw(&[1; 32])
            .raw(&[2; 32])
            .join(ephemeral)
            .raw(&[9; 16])
    }

    fn build(&self, house: &House) -> Vec<u8> {
        let ephemeral = Both::default().variant(0).bytes(&point());
        let identity = self.identity(house, &ephemeral);
        let key = secret(self.notary).verifying_key().to_sec1_point(true).as_bytes().to_vec();
        let key = Both::default().raw(&[1]).bytes(&key);
        let connection = Both::default()
            .raw(&self.time.to_le_bytes())
            .variant(0)
            .raw(&(self.sent.len() as u32).to_le_bytes())
            .raw(&(self.received.len() as u32).to_le_bytes());
        let server = Both::default().raw(&[2]).bytes(&identity.field("ServerCertOpening"));
        let extensions: Vec<_> =
            self.extensions.iter().map(|(id, value)| Both::default().bytes(id).bytes(value)).collect();
        let commitment = |part: &Part| {
            let hash = blake(&[&self.part(part), &[7; 16]]);
            let head = Both::default().variant(0).variant(u8::from(part.0)).ranges(&part.1);
            head.raw(&[2]).bytes(&hash)
        };
        let commitments: Vec<_> = self.parts.iter().map(commitment).collect();
        let mut fields = vec![
            key.field("VerifyingKey"),
            connection.field("tlsn_core::connection::ConnectionInfo"),
            ephemeral.field("tlsn_core::connection::ServerEphemKey"),
            server.field("ServerCertCommitment"),
        ];
        fields.extend(extensions.iter().map(|both| both.field("Extension")));
        fields
            .extend(commitments.iter().map(|both| both.field("tlsn_core::transcript::TranscriptCommitment")));
        let count = fields.len();
        let header = Both::default().raw(&[4; 16]).raw(&[0; 4]).raw(&[2]).bytes(&root(fields));
        let (signature, _) = secret(self.notary).sign_recoverable(&header.1);

        let mut file = Both::default().raw(&[1]).bytes(&signature.to_bytes()).0;
        file.extend(header.0);
        let mut number = 0_u32;
        let mut put = |file: &mut Vec<u8>, both: &Both| {
            file.extend(number.to_le_bytes());
            file.extend(&both.0);
            number += 1;
        };
        [&key, &connection, &ephemeral, &server].into_iter().for_each(|both| put(&mut file, both));
        for list in [&extensions, &commitments] {
            file.extend(long(list.len()));
            list.iter().for_each(|both| put(&mut file, both));
        }
        file.extend([&[2][..], &long(count), &long(0), &[1, 0, 0, 0, 0]].concat());
        file.extend(Both::default().bytes(self.name.as_bytes()).0);
        file.extend(identity.0);
        file.push(1);
        self.transcript(&mut file);
        file
    }

    fn transcript(&self, file: &mut Vec<u8>) {
        let shown = |received: bool| {
            let mut ranges: Vec<_> = self.opened.iter().map(|at| &self.parts[*at]).collect();
            ranges.retain(|part| part.0 == received);
            let mut ranges: Vec<_> = ranges.iter().flat_map(|part| part.1.clone()).collect();
            ranges.sort_unstable();
            (received, ranges)
        };
        let sides = [shown(false), shown(true)];
        for side in &sides {
            file.extend(Both::default().bytes(&self.part(side)).0);
        }
        for side in &sides {
            file.extend(Both::default().ranges(&side.1).0);
        }
        file.extend([long(self.sent.len()), long(self.received.len()), long(self.opened.len())].concat());
        for at in &self.opened {
            let (received, ranges) = &self.parts[*at];
            file.extend(
                Both::default().variant(u8::from(*received)).ranges(ranges).raw(&[2]).raw(&[7; 16]).0,
            );
        }
    }
}

impl Both {
    fn join(mut self, other: &Self) -> Self {
        self.0.extend(&other.0);
        self.1.extend(&other.1);
        self
    }
}

/// The connection's key: nobody looks at whether it is on the curve.
fn point() -> [u8; 65] {
    let mut point = [5; 65];
    point[0] = 4;
    point
}

fn house() -> House {
    let mut house = House::new(Kind::TlsNotary);
    let key = PublicKey::from_k256(secret(3).verifying_key().to_sec1_point(false).as_bytes()).unwrap();
    let (name, role) = ("our notary".into(), "notary".into());
    house.policy.signers = vec![Signer { issuer: None, key, kinds: vec![Kind::TlsNotary], name, role }];
    house
}

fn found(house: &House, made: &Made) -> Result<Claims, Refusal> {
    judge(Kind::TlsNotary, &made.build(house), &house.policy, &[], None)
}

#[test]
fn presentations_are_of_one_task() {
    let house = house();
    bound_only(Kind::TlsNotary, &house.policy, &[], &|bind| {
        let extensions = vec![(b"tollgate-bind".to_vec(), bind.0.to_vec())];
        Made { extensions, ..Made::default() }.build(&house)
    });
    let asked = |bind: &Bind, field: &str| {
        let sent = format!("GET / HTTP/1.1\r\n{field}: {bind}\r\n\r\n").into_bytes();
        let parts = vec![(false, vec![(0, sent.len())]), (true, vec![(0, RECEIVED.len())])];
        Made { sent, parts, ..Made::default() }.build(&house)
    };
    bound_only(Kind::TlsNotary, &house.policy, &[], &|bind| asked(bind, "Tollgate-Bind"));
    let bind = Bind([7; 64]);
    for loose in
        [asked(&bind, "x"), asked(&bind, "tollgate-bind: x\r\ntollgate-bind"), Made::default().build(&house)]
    {
        let refusal = judge(Kind::TlsNotary, &loose, &house.policy, &[], Some(&bind)).unwrap_err();
        assert_eq!(refusal.code(), "unbound");
    }
}

#[test]
fn presentations_say_what_was_asked_and_answered() {
    let claims = found(&house(), &Made::default()).unwrap();
    let text = [
        ("authority", "api.example.com"),
        ("body", r#"{"done": true}"#),
        ("host", "api.example.com"),
        ("method", "GET"),
        ("notary", "our notary"),
        ("path", "/jobs/7"),
        ("query", "full=1"),
        ("role", "notary"),
        ("root", "test root"),
    ];
    for (name, is) in text {
        assert_eq!(claims.fact(name), Some(&is.into()), "{name}");
    }
    assert_eq!(claims.fact("status"), Some(&200.into()));
    assert_eq!(claims.fact("received_hidden"), Some(&0.into()));
    assert_eq!(claims.produced_at, Some(NOW - 10));
}

/// Hidden bytes take away what they could decide.
#[test]
fn hidden_bytes_decide_nothing() {
    let house = house();
    let cookie = SENT.windows(6).position(|w| w == b"Cookie").unwrap();
    let set = RECEIVED.windows(10).position(|w| w == b"Set-Cookie").unwrap();
    let parts = vec![
        (false, vec![(0, cookie), (SENT.len() - 4, SENT.len())]),
        (true, vec![(0, set)]),
        (true, vec![(set + 20, RECEIVED.len())]),
    ];
    let shown = |opened: &[usize]| {
        found(&house, &Made { parts: parts.clone(), opened: opened.to_vec(), ..Made::default() }).unwrap()
    };
    let claims = shown(&[0, 1, 2]);
    assert_eq!(claims.fact("path"), Some(&"/jobs/7".into()));
    assert_eq!(claims.fact("authority"), None, "another Host could be hidden");
    assert_eq!(claims.fact("status"), Some(&200.into()));
    assert_eq!(claims.fact("body"), None, "the head could end in what is hidden");
    assert_eq!(claims.fact("received_hidden"), Some(&20.into()));
    let claims = shown(&[2]);
    for name in ["path", "method", "status", "body"] {
        assert_eq!(claims.fact(name), None, "{name}");
    }
    assert_eq!(claims.fact("sent_hidden"), Some(&(SENT.len() as i64).into()));
}

#[test]
fn presentations_are_refused_by_name() {
    let house = house();
    let code = |made: Made| found(&house, &made).map_or_else(|refusal| refusal.code(), |_| "accepted");
    assert_eq!(code(Made::default()), "accepted");
    assert_eq!(code(Made { name: "x.tools.example.com", ..Made::default() }), "accepted");
    assert_eq!(code(Made { name: "other.example.com", ..Made::default() }), "mismatch");
    assert_eq!(code(Made { notary: 4, ..Made::default() }), "untrusted");
    assert_eq!(code(Made { time: NOW + 301, ..Made::default() }), "time", "from the future");
    assert_eq!(code(Made { time: NOW - 86_401, ..Made::default() }), "time", "too old");
    assert_eq!(code(Made { time: -1, ..Made::default() }), "time");
    assert_eq!(
        code(Made { time: 1_767_225_599, ..Made::default() }),
        "time",
        "before the certificate counts"
    );
    let overlapping = vec![(false, vec![(0, 9), (8, 10)]), (true, vec![(0, 1)])];
    assert_eq!(code(Made { parts: overlapping, ..Made::default() }), "malformed");
    let strange = Policy::default();
    let made = Made::default().build(&house);
    let with = |policy: &Policy| judge(Kind::TlsNotary, &made, policy, &[], None).unwrap_err().code();
    assert_eq!(with(&strange), "untrusted", "no notary is trusted by default");
    let no_root = Policy { roots: strange.roots, ..house.policy.clone() };
    assert_eq!(with(&no_root), "untrusted", "the server's root");
    // What is shown must be what the notary hashed: the opening of another part with the same length is not.
    let mut other = made.clone();
    let at = other.windows(RECEIVED.len()).rposition(|w| w == RECEIVED).unwrap();
    other[at + RECEIVED.len() - 2] = b'E';
    assert_eq!(judge(Kind::TlsNotary, &other, &house.policy, &[], None).unwrap_err().code(), "signature");
}

/// The two bytes whose lowest bit made the reference implementation ask for a tebibyte.
#[test]
fn lengths_are_believed_as_far_as_bytes_follow() {
    for sample in samples().iter().filter(|sample| sample.name == "tlsnotary/presentation.bin") {
        for at in [5286, 5295] {
            let mut changed = sample.evidence.clone();
            changed[at] ^= 1;
            let refusal = sample.judge(&changed, TLSN, None).unwrap_err();
            assert!(refusal.unreadable(), "byte {at}: {refusal}");
        }
    }
}
