//! Patterns of attacks on the model's instructions, and of questions about facts.

/// Attempts to turn a model against its instructions. Each is a kind of wording; letter case does not count.
pub(crate) const ATTACKS: &[&str] = &[
    r"\b(ignore|disregard|forget|override|bypass)\b.{0,40}\b(previous|prior|above|earlier|all|your|the)\b.{0,30}\b(instruction|instructions|rules|guidelines|prompt|policy|policies|restrictions|filters?)\b",
    r"\b(reveal|show|print|repeat|output|leak|tell me|display)\b.{0,40}\b(system|hidden|initial|secret) (prompt|instructions?|message)\b",
    r"\b(you are|you're|act as|pretend to be|become)\b.{0,40}\b(dan|jailbroken|unrestricted|unfiltered|uncensored|without (any )?(restrictions|rules|limits|filters))\b",
    r"\bdo anything now\b",
    r"\b(developer|debug|god|sudo|jailbreak) mode\b.{0,40}\b(enable|enabled|on|activate|activated)\b|\b(enable|enter|activate)\b.{0,20}\b(developer|god|sudo|jailbreak) mode\b",
    r"\b(without|no|ignoring|skip)\b.{0,20}\b(ethical|safety|content|moral)\b.{0,20}\b(guidelines?|restrictions?|filters?|polic(y|ies)|constraints?)\b",
    r"\b(exfiltrate|dump|steal)\b.{0,40}\b(credentials?|passwords?|api keys?|secrets?|tokens?)\b",
    r"\b(pretend|imagine)\b.{0,40}\b(no (rules|laws|restrictions)|rules do not apply)\b",
    r"(忽略|无视|忘记).{0,10}(之前|以上|前面|所有|先前).{0,10}(指令|规则|提示|指示)",
    r"(泄露|显示|输出|告诉我).{0,10}(系统提示|系统提示词|隐藏指令)",
    r"(绕过|关闭|解除).{0,10}(安全|限制|过滤|审查)",
    r"\bignora\b.{0,30}\b(instrucciones|reglas|istruzioni|regole)\b",
    r"\bignor(e|ez|er)\b.{0,30}\b(instructions|consignes|règles)\b",
    r"\b(ignoriere|vergiss|missachte)\b.{0,40}\b(anweisungen|regeln|vorgaben)\b",
    r"(以前|これまで|上記).{0,10}(指示|命令|ルール).{0,10}(無視|忘れ)",
];

/// Requests whose answer states facts that can be looked up, or that ask for sources.
pub(crate) const FACTS: &[&str] = &[
    r"\b(verify|fact[- ]?check|double[- ]?check|cite|citations?|sources?|references?|according to|evidence)\b",
    r"(?:^|[.!?:;]\s+)(who|when|where|which|whose|how (many|much|old|tall|far|long|big|large)|in (which|what) year|what year)\b",
    r"\bwhat (is|are|was|were) the (capital|population|height|length|distance|speed|boiling point|melting point|name|date|year|number|currency|largest|smallest|highest|oldest|first)\b",
    r"\b(is|was|are|were) it true\b|\btrue or false\b|\bwho (invented|discovered|wrote|founded|won)\b|\bwhen (was|did|were)\b",
    r"核实|查证|出处|来源|证据|是真的吗|哪一年|哪年|谁发明|谁写|多少|首都|何时|什么时候",
    r"\b(verifica|fuentes?|cita|quién|cuándo|dónde|cuántos?)\b|\b(vérifie[rz]?|sources?|qui a|quand|combien)\b|\b(überprüfe|quellen?|belege|wer|wann|wie viele)\b",
];

/// How sure so many different patterns make: 0.8, 0.96, … : each one that is missing would be a coincidence.
#[must_use]
pub fn certainty(patterns: usize) -> f64 {
    1.0 - 0.2_f64.powi(i32::try_from(patterns).unwrap_or(i32::MAX))
}
