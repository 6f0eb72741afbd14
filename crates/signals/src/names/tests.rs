use super::*;
use crate::head::{Card, Probe, VectorSide};
use proptest::prelude::*;

/// Words with a state of one number: whether they begin with `Z`.
fn states(piece: &str) -> States {
    let mut states = States::default();
    let mut from = 0;
    for part in piece.split_inclusive([' ', '\n', '.']) {
        let word = part.trim_end_matches([' ', '\n', '.']);
        if !word.is_empty() {
            states.spans.push(from..from + word.len());
            states.states.push(f32::from(u8::from(word.starts_with('Z'))));
        }
        from += part.len();
    }
    states
}

/// A head that says that whatever begins with `Z` is a person.
fn head() -> Head {
    let mut rows = vec![0.0; TAGS * (1 + words::SHAPES)];
    (rows[1], rows[2]) = (9.0, 9.0);
    let mut bias = vec![-9.0; TAGS];
    (bias[0], bias[1], bias[2]) = (4.0, 0.0, 1.0);
    let side = VectorSide::new("tiny", Probe::default(), &rows, &bias, 1.0);
    Head::new(Card::default(), tags().collect(), None, Some(side))
}

fn found(text: &str) -> Vec<String> {
    let head = head();
    let found = Tagger::of(&head).unwrap().find(text, &mut |piece| Some(states(piece))).unwrap();
    found.iter().map(|f| format!("{} {}", f.kind, &text[f.start..f.end])).collect()
}

#[test]
fn words_that_follow_are_one_name_and_a_bound_is_refused() {
    assert_eq!(found("met Zoe Zimt and Zack"), ["person Zoe Zimt", "person Zack"]);
    assert!(found("nobody here").is_empty());
    let head = head();
    let tagger = Tagger::of(&head).unwrap();
    let long = "a ".repeat(TEXT_MAX);
    assert_eq!(tagger.find(&long, &mut |piece| Some(states(piece))), None);
    assert_eq!(tagger.find("Zoe", &mut |_| None), None, "no states came");
    let wrong = States { spans: std::iter::once(0..3).collect(), states: vec![1.0; 2] };
    assert_eq!(tagger.find("Zoe", &mut |_| Some(wrong.clone())), None, "of another length");
    assert!(Tagger::of(shipped("domain").unwrap()).is_none(), "a head of other labels");
}

/// What an encoder has no room for is read as a piece of its own.
#[test]
fn nothing_is_left_unread_where_an_encoder_reads_few_tokens() {
    let text = "Zoe went to see her aunt and Zimt came by. ".repeat(30);
    let head = head();
    let mut few = |piece: &str| {
        let mut states = states(piece);
        states.spans.truncate(3);
        states.states.truncate(3);
        Some(states)
    };
    let found = Tagger::of(&head).unwrap().find(&text, &mut few).unwrap();
    assert_eq!(found.len(), 60);
}

#[test]
fn rows_have_labels_of_the_names_they_stand_in() {
    let text = "Zoe Zimt, 12 Oak Street";
    let names = [(0, 0..8), (1, 10..23)];
    let labels: Vec<usize> = rows(text, &states(text), &names).into_iter().map(|(tag, _)| tag).collect();
    assert_eq!(labels, [1, 2, 3, 4, 4]);
}

#[test]
fn data_with_a_form_stays_what_it_is_beside_names() {
    let text = "Ann ann@x.org Lee";
    let email = Found { kind: "email", start: 4, end: 13 };
    let name = |start, end| Found { kind: "person", start, end };
    let both = apart(text, vec![email.clone()], [name(0, 17)]);
    assert_eq!(both, [name(0, 3), email.clone(), name(14, 17)]);
    assert_eq!(apart(text, vec![email.clone()], [name(4, 7)]), [email]);
}

proptest! {
    /// Names are in the text's order, apart and on letters' edges, whatever the text; and each piece is read.
    #[test]
    fn names_are_apart_and_on_edges(text in "[Zaé\u{4e2d}. \n]{0,900}") {
        let head = head();
        let mut read = 0;
        let mut all = |piece: &str| {
            read += piece.len();
            Some(states(piece))
        };
        let found = Tagger::of(&head).unwrap().find(&text, &mut all).unwrap();
        let mut from = 0;
        for f in &found {
            prop_assert!(f.start >= from && f.start < f.end && text.get(f.start..f.end).is_some());
            from = f.end;
        }
        prop_assert!(text.len() - read <= text.len() - text.chars().filter(|c| c.is_alphanumeric()).count());
    }
}
