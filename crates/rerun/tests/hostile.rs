//! Modules that behave, and modules that do not: each has one end, the same every time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod wasm;

use tollgate_rerun::{Bounds, Run, RunError, run};
use wasm::{END, Wasm, code, echo, number};

const BOUNDS: Bounds = Bounds { fuel: 100_000, memory: 2 << 16, output: 1_000 };
/// Runs it twice, which must come to the same.
fn twice(module: &Wasm, input: &[u8]) -> Result<Run, RunError> {
    let once = run(&module.bytes(), input, &BOUNDS);
    assert_eq!(once, run(&module.bytes(), input, &BOUNDS), "the same again");
    once
}

const ENDLESS: &[u8] = &[0x03, 0x40, 0x0c, 0, END];

#[test]
fn a_module_sees_its_input_and_nothing_else() {
    let done = twice(&Wasm::new(&echo()), b"some words").unwrap();
    assert_eq!((done.code, done.output.as_slice()), (0, &b"some words"[..]));
    assert!(done.fuel > 0 && done.fuel < 200, "{}", done.fuel);
    let more = twice(&Wasm::new(&echo()), &[7; 900]).unwrap();
    assert!(more.fuel > done.fuel, "copying is paid for");
    assert_eq!(twice(&Wasm::new(&number(-7)), b"").unwrap().code, -7);
}

#[test]
fn the_digest_names_all_of_a_run() {
    let module = Wasm::new(&echo()).bytes();
    let done = run(&module, b"a", &BOUNDS).unwrap();
    let digest = done.digest(&module, b"a", &BOUNDS);
    assert_eq!(digest, done.clone().digest(&module, b"a", &BOUNDS));
    let other = Bounds { fuel: 99_999, ..BOUNDS };
    let turned = [
        done.digest(&module, b"b", &BOUNDS),
        done.digest(&module[1..], b"a", &BOUNDS),
        done.digest(&module, b"a", &other),
        Run { code: 1, ..done.clone() }.digest(&module, b"a", &BOUNDS),
        Run { output: b"b".to_vec(), ..done }.digest(&module, b"a", &BOUNDS),
    ];
    assert!(turned.iter().all(|other| *other != digest));
}

#[test]
fn time_memory_calls_and_output_end() {
    let endless = code(&[ENDLESS, &number(0)]);
    assert_eq!(twice(&Wasm::new(&endless), b""), Err(RunError::Bound("fuel")));
    // The start function is within the bounds too.
    let start = Wasm { start: Some(ENDLESS.to_vec()), ..Wasm::new(&number(0)) };
    assert_eq!(twice(&start, b""), Err(RunError::Bound("fuel")));
    // memory.grow(1000)
    let bomb = code(&[&number(1_000), &[0x40, 0]]);
    assert_eq!(twice(&Wasm::new(&bomb), b""), Err(RunError::Bound("memory")));
    assert_eq!(twice(&Wasm { pages: 3, ..Wasm::new(&number(0)) }, b""), Err(RunError::Bound("memory")));
    let deep = [0x10, 3];
    assert_eq!(twice(&Wasm::new(&deep), b""), Err(RunError::Bound("calls within calls")));
    // output(0, 1001), and twice 600.
    let long = code(&[&number(0), &number(1_001), &[0x10, 2], &number(0)]);
    assert_eq!(twice(&Wasm::new(&long), b""), Err(RunError::Bound("output")));
    let half = code(&[&number(0), &number(600), &[0x10, 2]]);
    assert_eq!(twice(&Wasm::new(&code(&[&half, &half, &number(0)])), b""), Err(RunError::Bound("output")));
    // A call of ours within an endless loop is paid for.
    let nothing = code(&[&[0x03, 0x40], &number(0), &number(0), &[0x10, 2], &[0x0c, 0, END], &number(0)]);
    assert_eq!(twice(&Wasm::new(&nothing), b""), Err(RunError::Bound("fuel")));
}

#[test]
fn what_fails_fails_alike() {
    assert!(matches!(twice(&Wasm::new(&[0x00]), b""), Err(RunError::Trap(_))), "unreachable");
    let by_zero = code(&[&number(1), &number(0), &[0x6d]]);
    assert!(matches!(twice(&Wasm::new(&by_zero), b""), Err(RunError::Trap(_))));
    for (to, from, length) in
        [(0, 0, 2), (0, 1, 1), (65_536, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 0, -1), (65_535, 0, 2)]
    {
        let call = code(&[&number(to), &number(from), &number(length), &[0x10, 1], &number(0)]);
        let done = twice(&Wasm::new(&call), b"x");
        assert!(
            matches!(done, Err(RunError::Trap(_) | RunError::Bound("fuel"))),
            "{to} {from} {length}: {done:?}"
        );
    }
    for (from, length) in [(65_536, 1), (-1, 1), (0, -1), (65_530, 7)] {
        let call = code(&[&number(from), &number(length), &[0x10, 2], &number(0)]);
        let done = twice(&Wasm::new(&call), b"");
        assert!(
            matches!(done, Err(RunError::Trap(_) | RunError::Bound("fuel"))),
            "{from} {length}: {done:?}"
        );
    }
}

#[test]
fn what_could_differ_is_refused() {
    // f32.const 0, drop; f64 likewise; an add of what may be no number.
    let float = code(&[&[0x43, 0, 0, 0xc0, 0x7f, 0x1a], &number(0)]);
    let double = code(&[&[0x44, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f, 0x1a], &number(0)]);
    for floats in [float, double] {
        assert!(matches!(twice(&Wasm::new(&floats), b""), Err(RunError::Module(_))));
    }
    // i8x16.splat; memory.atomic.notify.
    for odd in [
        code(&[&number(0), &[0xfd, 0x0f, 0x1a], &number(0)]),
        code(&[&number(0), &number(0), &[0xfe, 0, 2, 0]]),
    ] {
        assert!(matches!(twice(&Wasm::new(&odd), b""), Err(RunError::Module(_))));
    }
    for import in
        [("wasi_snapshot_preview1", "clock_time_get", 1), ("tollgate", "random", 0), ("env", "input", 1)]
    {
        let mut wants = Wasm::new(&number(0));
        wants.imports.push(import);
        wants.exports[1].2 = 4;
        let refused = RunError::Import { module: import.0.into(), name: import.1.into() };
        assert_eq!(twice(&wants, b""), Err(refused));
    }
    // Of another type than it has.
    let mut wrong = Wasm::new(&number(0));
    wrong.imports[0].2 = 3;
    assert!(matches!(twice(&wrong, b""), Err(RunError::Module(_))));
}

#[test]
fn what_is_missing_or_no_module_is_said() {
    let mut quiet = Wasm::new(&number(0));
    quiet.exports.remove(0);
    assert_eq!(twice(&quiet, b""), Err(RunError::Export("memory")));
    let mut idle = Wasm::new(&number(0));
    idle.exports.pop();
    assert_eq!(twice(&idle, b""), Err(RunError::Export("function run() -> i32")));
    for bytes in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0\xff", &[0; 64]] {
        assert!(matches!(run(bytes, b"", &BOUNDS), Err(RunError::Module(_))), "{bytes:?}");
    }
    assert!(matches!(
        run(&vec![0; (4 << 20) + 1], b"", &BOUNDS),
        Err(RunError::TooLarge { what: "module", .. })
    ));
}

/// Every byte of a module that works, changed in three ways and cut at every length: an end, and the same one again.
#[test]
fn changed_modules_end_too() {
    let module = Wasm::new(&echo()).bytes();
    for at in 0..module.len() {
        for change in [0x01, 0x20, 0x80] {
            let mut turned = module.clone();
            turned[at] ^= change;
            assert_eq!(run(&turned, b"in", &BOUNDS), run(&turned, b"in", &BOUNDS), "{at} {change}");
        }
        assert!(run(&module[..at], b"in", &BOUNDS).is_err(), "{at}");
    }
}
