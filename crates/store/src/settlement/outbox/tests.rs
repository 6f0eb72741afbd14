//! Outboxes against receivers that fail and processes that die.

use super::*;
use proptest::prelude::*;

fn happened(seq: u64, escrow: u8, phase: Phase) -> Happened {
    let escrow = Digest([escrow; 32]);
    Happened { seq, escrow, at: Timestamp(0), what: EventKind::Lock, phase, version: seq }
}

fn config(attempts: u32) -> HookConfig {
    HookConfig { attempts, ..HookConfig::new("books") }
}

fn seqs(due: &[Due]) -> Vec<u64> {
    due.iter().map(|due| due.seq).collect()
}

#[test]
fn an_escrows_events_are_told_one_after_the_other() {
    let mut outbox = Outbox::new(config(3), 5);
    for (seq, escrow) in [(4, 1), (5, 1), (6, 2), (7, 1), (7, 1)] {
        assert!(outbox.hear(&happened(seq, escrow, Phase::Locked)));
    }
    assert_eq!(seqs(&outbox.due(Timestamp(0))), [5, 6], "what happened before was not for it, 7 waits for 5");
    assert_eq!(seqs(&outbox.due(Timestamp(0))), [0u64; 0], "both are under way");
    assert!(!outbox.failed(5, "no", Timestamp(0)));
    outbox.taken(6);
    // One second after the first failure, two after the second.
    for (failed, due) in [(0, 1_000_000), (1_000_000, 3_000_000)] {
        assert_eq!(outbox.due(Timestamp(due - 1)).len(), 0, "{failed}");
        let again = outbox.due(Timestamp(due));
        assert_eq!((seqs(&again), again[0].happened.map(|what| what.seq)), (vec![5], Some(5)));
        let over = outbox.failed(5, "still no", Timestamp(due));
        assert_eq!(over, due == 3_000_000);
    }
    assert_eq!(seqs(&outbox.due(Timestamp(3_000_000))), [7], "what was given up holds nobody up");
    let standing = outbox.standing();
    assert_eq!((standing.open, standing.dead.len(), standing.next), (1, 1, 8));
    assert_eq!((standing.dead[0].attempts, standing.dead[0].why.as_str()), (3, "still no"));
    assert_eq!((outbox.again(Some(6)), outbox.again(Some(5))), (0, 1));
    assert_eq!(seqs(&outbox.due(Timestamp(3_000_000))), [0u64; 0], "7 is under way, and of the same escrow");
    outbox.taken(7);
    assert_eq!(seqs(&outbox.due(Timestamp(3_000_000))), [5]);
}

#[test]
fn a_receiver_is_told_of_its_phases_only_and_no_more_than_it_has_room_for() {
    let phases = vec![Phase::Released, Phase::Refunded];
    let mut outbox = Outbox::new(HookConfig { phases, ..config(1) }, 0);
    for (seq, phase) in [(0, Phase::Locked), (1, Phase::Released), (2, Phase::Refunded), (3, Phase::Disputed)]
    {
        assert!(outbox.hear(&happened(seq, seq as u8, phase)));
    }
    assert_eq!((seqs(&outbox.due(Timestamp(0))), outbox.next()), (vec![1, 2], 4));
    let mut outbox = Outbox::new(config(1), 0);
    let room =
        (0..).take_while(|seq| outbox.hear(&happened(*seq, (*seq % 200) as u8, Phase::Locked))).count();
    assert_eq!((room, outbox.next()), (OPEN_MAX, OPEN_MAX as u64));
    let due = outbox.due(Timestamp(0));
    assert_eq!(due.len(), IN_FLIGHT_MAX);
    outbox.taken(due[0].seq);
    assert!(outbox.hear(&happened(OPEN_MAX as u64, 1, Phase::Locked)));
    // The wait is bounded, however often it was tried.
    let mut outbox = Outbox::new(config(u32::MAX), 0);
    outbox.hear(&happened(0, 1, Phase::Locked));
    let mut now = 0;
    for attempt in 1..100 {
        let due = outbox.due(Timestamp(now));
        assert_eq!(due.first().map(|due| due.attempt), Some(attempt));
        outbox.failed(0, "no", Timestamp(now));
        now += WAIT_MAX_US;
    }
}

#[test]
fn what_is_kept_is_read_and_what_is_damaged_is_not_taken_for_nothing() {
    let mut outbox = Outbox::new(config(2), 0);
    outbox.hear(&happened(0, 1, Phase::Locked));
    outbox.hear(&happened(1, 2, Phase::Locked));
    outbox.due(Timestamp(0));
    outbox.failed(0, "no", Timestamp(0));
    let mut again = Outbox::read(config(2), &outbox.bytes()).unwrap();
    let due = again.due(Timestamp(0));
    assert_eq!(due.iter().map(|due| (due.seq, due.attempt)).collect::<Vec<_>>(), [(0, 2), (1, 1)]);
    assert!(due.iter().all(|due| due.happened.is_none()), "the log knows what it was");
    for text in ["", "{}", "{\"dead\":[],\"next\":0,\"open\":[],\"more\":1}"] {
        let read = Outbox::read(config(2), text.as_bytes());
        assert!(matches!(read, Err(JournalError::Damaged { .. })), "{text}");
    }
}

/// What happens to a receiver and its outbox.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// An event of one of three escrows is recorded.
    Event(u8),
    /// What is due is delivered; a bit for each says whether the receiver takes it.
    Deliver(u16),
    /// The same, but the process dies before it is kept.
    Die(u16),
    /// Time goes on.
    Wait(u32),
    /// What was given up is taken up again.
    Again,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0u8..3).prop_map(Step::Event),
        4 => any::<u16>().prop_map(Step::Deliver),
        1 => any::<u16>().prop_map(Step::Die),
        2 => (0u32..4_000_000).prop_map(Step::Wait),
        1 => Just(Step::Again),
    ]
}

proptest! {
    /// Every event is told at least once, of each escrow the first time in order but for what was given up; a process that dies
    /// loses nothing.
    #[test]
    fn everything_is_told_at_least_once_and_in_order(steps in proptest::collection::vec(step(), 1..60)) {
        let mut log: Vec<Happened> = Vec::new();
        let mut outbox = Outbox::new(config(3), 0);
        let mut kept = serde_json::to_string(&outbox.kept()).unwrap();
        let mut told: Vec<u64> = Vec::new();
        let mut given_up: BTreeSet<u64> = BTreeSet::new();
        let mut now = 0i64;
        for step in steps.into_iter().chain((0..400).map(|_| Step::Deliver(u16::MAX))) {
            match step {
                Step::Event(escrow) => log.push(happened(log.len() as u64, escrow, Phase::Locked)),
                Step::Wait(us) => now += i64::from(us),
                Step::Again => {
                    outbox.again(None);
                }
                Step::Deliver(takes) | Step::Die(takes) => {
                    for event in &log {
                        prop_assert!(outbox.hear(event));
                    }
                    let due = outbox.due(Timestamp(now));
                    let escrows: BTreeSet<_> = due.iter().map(|due| log[due.seq as usize].escrow).collect();
                    prop_assert_eq!(escrows.len(), due.len(), "of each escrow one at a time");
                    for (n, due) in due.iter().enumerate() {
                        if takes >> (n % 16) & 1 == 1 {
                            let before = log[..due.seq as usize].iter().filter(|event| event.escrow == log[due.seq as usize].escrow);
                            for event in before {
                                prop_assert!(told.contains(&event.seq) || given_up.contains(&event.seq));
                            }
                            told.push(due.seq);
                            outbox.taken(due.seq);
                        } else if outbox.failed(due.seq, "no", Timestamp(now)) {
                            given_up.insert(due.seq);
                        }
                    }
                    if matches!(step, Step::Die(_)) {
                        outbox = Outbox::from_kept(config(3), serde_json::from_str(&kept).unwrap());
                    }
                    now += 500_000;
                }
            }
            kept = serde_json::to_string(&outbox.kept()).unwrap();
        }
        outbox.again(None);
        for _ in 0..100 {
            let due = outbox.due(Timestamp(i64::MAX));
            told.extend(due.iter().map(|due| due.seq));
            due.iter().for_each(|due| outbox.taken(due.seq));
        }
        prop_assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), (0..log.len() as u64).collect());
        prop_assert_eq!(outbox.standing().open, 0);
    }
}
