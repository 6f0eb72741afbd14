use super::{Difference as D, Gist, TEXT_MAX, soon_old};
use crate::guard::words::{DIRECTION, EMPTY, NEGATIVE, QUANTIFIERS, SOON_OLD};
use proptest::prelude::*;

fn differs(a: &str, b: &str) -> Option<D> {
    let (a, b) = (Gist::of(a), Gist::of(b));
    assert_eq!(a.differs(&b).is_some(), b.differs(&a).is_some());
    a.differs(&b)
}

#[test]
fn what_decides_an_answer_makes_a_difference() {
    for (a, b, why) in [
        ("Who won the cup in 1912?", "Who won the cup in 1921?", D::Number),
        ("Is five mg safe?", "Is 50 mg safe?", D::Number),
        ("Which is the first amendment?", "Which is the second amendment?", D::Number),
        ("Can I freeze my card?", "Can't I freeze my card?", D::Negation),
        ("How do I cook rice with salt?", "How do I cook rice without salt?", D::Negation),
        ("Is aspirin safe for dogs?", "Is aspirin not safe for dogs?", D::Negation),
        ("What is the capital of Austria?", "What is the capital of Australia?", D::Name),
        ("how far is paris", "how far is london", D::Matter),
        ("Convert euros to dollars", "Convert dollars to euros", D::Direction),
        ("Flights from Oslo to Rome", "Flights from Rome to Oslo", D::Direction),
        ("Is iron heavier than lead?", "Is lead heavier than iron?", D::Direction),
        ("How do I open an account?", "How do I close an account?", D::Matter),
        ("Turn the light on", "Turn the light off", D::Matter),
        ("Who wrote the code?", "When was the code written?", D::Asks),
        ("Can I lose weight by walking?", "How can I lose weight by walking?", D::Asks),
        ("How much does a car weigh?", "Why does a car weigh so much?", D::Asks),
        ("What is my name?", "What is your name?", D::Owner),
        ("Who am I?", "Who are you?", D::Matter),
        ("how do i learn python", "how do i learn python quickly", D::Matter),
        ("is C++ fast", "is C# fast", D::Name),
        ("", "", D::Matter),
        ("What is 8 divided by 2?", "What is 2 divided by 8?", D::Order),
        ("Is 5 more than 9?", "Is 9 more than 5?", D::Order),
        ("What is 6 * 3?", "What is 6 / 3?", D::Number),
        ("What is sqrt(-4)?", "What is sqrt(4)?", D::Number),
        ("What is 5 - 3?", "What is 5 + 3?", D::Number),
        ("Did Germany invade Poland?", "Did Poland invade Germany?", D::Order),
        ("does Germany border Poland", "Does Poland border Germany", D::Order),
        ("Are all swans white?", "Are some swans white?", D::Matter),
        ("How do I take insulin?", "How do I give insulin?", D::Matter),
        ("Is synchronous replication safe?", "Is asynchronous replication safe?", D::Matter),
        ("Is typical pneumonia contagious?", "Is atypical pneumonia contagious?", D::Matter),
        ("Where is the contact page?", "Where is the contract page?", D::Matter),
        ("上个月的销售额是多少？", "下个月的销售额是多少？", D::Matter),
        ("一月的账单", "三月的账单", D::Matter),
        ("狗咬人", "人咬狗", D::Matter),
        ("Сколько длится мир?", "Сколько длится пир?", D::Matter),
    ] {
        assert_eq!(differs(a, b), Some(why), "{a} / {b}");
    }
    let long = "why ".repeat(TEXT_MAX);
    assert_eq!(differs(&long, &long), Some(D::Long));
}

#[test]
fn the_same_said_otherwise_is_the_same() {
    for (a, b) in [
        ("How do I reset my password?", "how can i reset the password"),
        ("What is the best way to learn Spanish?", "What are the best ways of learning Spanish?"),
        ("Could you tell me where my order is?", "Where is my order"),
        ("How many calories are in apples", "can you tell me how many calories are in an apple"),
        ("WHY WAS I CHARGED TWICE", "Why did I get charged twice?"),
        ("What's the status of my vacation days", "whats the status on my vacation days?"),
        ("Is fifty mg too much?", "is 50 mg too much"),
        ("How do I remove a stain from wool?", "how to remove stains from wool"),
        ("explain photosynthesis", "Please explain photosynthesis to me"),
        ("explain photosynthesis", "explain photosynthesys"),
        ("Give me a recipe for bread", "a recipe for bread, please"),
        ("上个月的销售额是多少？", "上个月的销售额是多少"),
        ("Сколько длится мир?", "сколько длится мир"),
        ("Is Oslo far from Rome?", "is Oslo far from Rome"),
        ("read/write access to a disk", "read write access to a disk"),
    ] {
        assert_eq!(differs(a, b), None, "{a} / {b}: {:?} {:?}", Gist::of(a), Gist::of(b));
    }
}

#[test]
fn answers_that_are_old_soon_are_known_by_a_word() {
    for text in ["What's the weather in Rome?", "news on chips", "Who is the president now?", "today's rate"]
    {
        assert!(soon_old(text), "{text}");
    }
    assert!(!soon_old("What do I know about snow?"));
}

#[test]
fn lists_are_in_order() {
    for list in [EMPTY, NEGATIVE, DIRECTION, QUANTIFIERS, SOON_OLD] {
        assert!(list.is_sorted(), "{:?}", list.windows(2).find(|pair| pair[0] >= pair[1]));
    }
}

proptest! {
    #[test]
    fn a_text_is_like_itself_where_it_says_anything(text in "[A-Za-z0-9 .?']{0,80}") {
        let gist = Gist::of(&text);
        prop_assert!(matches!(gist.differs(&gist), None | Some(D::Matter)), "{:?}", gist.differs(&gist));
        let named = format!("{text} tollgate");
        let gist = Gist::of(&named);
        prop_assert_eq!(gist.differs(&gist), None);
    }

    #[test]
    fn differences_are_mutual(a in "\\PC{0,60}", b in "\\PC{0,60}") {
        differs(&a, &b);
    }
}
