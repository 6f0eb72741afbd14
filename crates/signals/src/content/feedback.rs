//! What a user says of the answer before.

/// A label.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Feedback {
    WrongAnswer,
    NeedClarification,
    WantDifferent,
    Satisfied,
}

impl Feedback {
    /// The words of the catalogue.
    pub(crate) const WORDS: [(&'static str, Self); 4] = [
        ("wrong_answer", Self::WrongAnswer),
        ("need_clarification", Self::NeedClarification),
        ("want_different", Self::WantDifferent),
        ("satisfied", Self::Satisfied),
    ];
}

/// Words by label, in the order of the enum; of equals the first counts.
pub(crate) const FEEDBACK: &[(&str, &str)] = &[
    ("wrong_answer", "wrong, incorrect, not correct, not right, isn't right, inaccurate, mistake, mistaken, error in your,
      you misunderstood, doesn't work, does not work, didn't work, still broken, still fails, still failing, that's false,
      not true, you got it wrong, not what i asked, 不对, 错了, 错误, 不正确, 不行, 还是不, 間違, 違います, 틀렸, 잘못, incorrecto, incorrecta,
      equivocado, está mal, faux, incorrecte, ce n'est pas correct, falsch, nicht richtig, stimmt nicht, errado, sbagliato"),
    ("need_clarification", "clarify, clarification, what do you mean, don't understand, do not understand, didn't understand,
      confusing, confused, unclear, more clearly, explain again, explain further, more detail, more details, elaborate,
      simpler, simplify, give an example, can you explain, 没听懂, 不明白, 不太懂, 讲清楚, 解释清楚, 再解释, 举个例子, 什么意思, わかりにくい,
      もっとわかりやすく, no entiendo, más claro, je ne comprends pas, plus clair, verstehe nicht, klarer"),
    ("want_different", "another option, something else, different approach, a different one, another way, alternative,
      alternatives, other options, instead of that, try a different, 换一个, 别的, 其他方案, 另一种, otra opción, autre chose,
      etwas anderes"),
    ("satisfied", "thanks, thank you, perfect, great answer, that works, that worked, that helped, very helpful, exactly what
      i needed, awesome, well done, 谢谢, 太好了, 很好, ありがとう, gracias, merci, danke"),
];
