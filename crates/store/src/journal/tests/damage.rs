//! Damage that no crash does: it is found, said, and nothing is changed.

use super::disk::Crashing;
use super::{Told, credited, job, writer};
use crate::journal::medium::Medium as _;
use crate::journal::segment::HEADER;
use crate::journal::{Disk, JournalError, frame};

/// A journal of `count` commands, one batch each, without a snapshot.
fn filled(count: u64) -> Crashing {
    let disk = Crashing::default();
    let mut writer = writer(disk.clone()).unwrap();
    for n in 0..count {
        writer.batch(&mut vec![job(n, &Told::default())]).unwrap();
    }
    disk
}

fn segments(disk: &Crashing) -> Vec<String> {
    let mut names = disk.list().unwrap();
    names.retain(|name| name.ends_with(".journal"));
    names.sort_unstable();
    names
}

fn damaged(disk: &Crashing) -> String {
    match writer(disk.clone()) {
        Err(error @ JournalError::Damaged { .. }) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(writer) => panic!("opened with {} cents", credited(&writer.state.book)),
    }
}

#[test]
fn a_flipped_bit_in_what_was_answered_is_refused() {
    let whole = filled(40);
    let names = segments(&whole);
    assert!(names.len() > 4, "{names:?}");
    let total: usize = names.iter().map(|name| whole.read(name).unwrap().len()).sum();
    for step in 0..total / 7 {
        // Every seventh byte of all segments, but for the last two batches: those may be a torn write.
        let (mut at, disk) = (step * 7, filled(40));
        let name = names.iter().find(|name| {
            let len = whole.read(name).unwrap().len();
            let here = at < len;
            at -= if here { 0 } else { len };
            here
        });
        let Some(name) = name else { break };
        let last = names.last() == Some(name);
        if last && at + 3 * 400 > whole.read(name).unwrap().len() {
            break;
        }
        disk.tamper(name, |bytes| bytes[at] ^= 4);
        damaged(&disk);
    }
}

#[test]
fn a_missing_or_shortened_segment_is_refused() {
    let names = segments(&filled(40));
    for name in &names[..names.len() - 1] {
        let disk = filled(40);
        disk.clone().remove(name).unwrap();
        assert!(damaged(&disk).contains("begins at entry"));
        let disk = filled(40);
        disk.tamper(name, |bytes| bytes.truncate(bytes.len() - 1));
        damaged(&disk);
    }
}

#[test]
fn a_snapshot_that_knows_more_than_the_journal_is_refused() {
    let disk = filled(30);
    {
        let mut open = writer(disk.clone()).unwrap();
        open.medium.snapshot(&open.state).unwrap();
    }
    assert!(writer(disk.clone()).is_ok());
    let last = segments(&disk).pop().unwrap();
    disk.tamper(&last, |bytes| bytes.truncate(HEADER));
    assert!(damaged(&disk).contains("snapshot"));
}

#[test]
fn a_damaged_snapshot_costs_time_only() {
    let disk = filled(30);
    {
        let mut open = writer(disk.clone()).unwrap();
        open.medium.snapshot(&open.state).unwrap();
    }
    let name = disk.list().unwrap().into_iter().find(|name| name.ends_with(".snapshot")).unwrap();
    let len = disk.read(&name).unwrap().len();
    for at in (0..len).step_by(11) {
        disk.tamper(&name, |bytes| bytes[at] ^= 1);
        assert_eq!(credited(&writer(disk.clone()).unwrap().state.book), 29, "byte {at}");
        disk.tamper(&name, |bytes| bytes[at] ^= 1);
    }
}

#[test]
fn an_old_record_behind_a_torn_one_is_never_taken_for_a_new_one() {
    let disk = filled(3);
    let name = segments(&disk).pop().unwrap();
    let bytes = disk.read(&name).unwrap();
    // A torn write of two records of one batch: the first is broken, the second whole.
    let entry = br#"{"x":1}"#;
    let mut torn = Vec::new();
    frame::put(&mut torn, 4, 3, entry);
    let second = torn.len();
    frame::put(&mut torn, 4, 4, entry);
    torn[second - 1] ^= 1;
    disk.tamper(&name, |bytes| bytes.extend(&torn));
    let open = writer(disk.clone()).unwrap();
    assert_eq!(credited(&open.state.book), 2);
    assert_eq!(disk.read(&name).unwrap().len(), bytes.len(), "what was torn is cut off");
}

#[test]
fn a_record_that_does_not_follow_is_refused() {
    let disk = filled(3);
    let name = segments(&disk).pop().unwrap();
    let mut forged = Vec::new();
    // A whole record with a right checksum, whose entry says what cannot be.
    let entry = br#"{"command":{"key":"x","ops":["sweep"]},"outcome":{"applied":{"holds":["hold_9"]}},"seq":3,"time":1}"#;
    frame::put(&mut forged, 4, 3, entry);
    disk.tamper(&name, |bytes| bytes.extend(&forged));
    assert!(damaged(&disk).contains("another outcome follows"));
}
