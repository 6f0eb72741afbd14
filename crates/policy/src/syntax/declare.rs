//! Declarations: signals, scores, sums, flags, bands and groups.
//!
//! ```text
//! flag long_code = code and tokens > 4_000 label "context:long_code"
//! ```

use super::parser::{ITEMS, Parser, Read};
use super::token::Kind;
use super::tree::{BandDecl, Cmp, FlagDecl, GroupDecl, ItemKind, Name, ScoreDecl, SignalDecl};

impl<'a> Parser<'a, '_> {
    pub(super) fn order(&mut self) -> Read<ItemKind<'a>> {
        self.take();
        let mut names = Vec::new();
        while self.word().is_some() && !self.item_follows() {
            names.push(self.name("tier, priority or confidence")?);
        }
        Ok(ItemKind::Order(names))
    }

    pub(super) fn score(&mut self, word: &str) -> Read<ItemKind<'a>> {
        let name = self.declared(word)?;
        Ok(ItemKind::Score(ScoreDecl { name, expr: self.expression()?, cut: word == "score" }))
    }

    pub(super) fn flag(&mut self) -> Read<ItemKind<'a>> {
        let name = self.declared("flag")?;
        let expr = self.expression()?;
        Ok(ItemKind::Flag(FlagDecl { name, expr, options: self.arguments(ITEMS)? }))
    }

    /// `keyword name =`.
    fn declared(&mut self, what: &str) -> Read<Name<'a>> {
        self.take();
        let name = self.name(&format!("the {what}'s name"))?;
        self.mark("=")?;
        Ok(name)
    }

    pub(super) fn signal(&mut self) -> Read<ItemKind<'a>> {
        let name = self.declared("signal")?;
        let kind = self.name("a kind of signal, such as keyword")?;
        let arguments = self.arguments(ITEMS)?;
        Ok(ItemKind::Signal(SignalDecl { name, kind, arguments }))
    }

    pub(super) fn band(&mut self) -> Read<ItemKind<'a>> {
        let name = self.declared("band")?;
        let of = self.name("a score's name")?;
        let mut bounds = Vec::new();
        loop {
            let Kind::Mark(mark) = self.peek().kind else { return self.wrong("`>=`, `>`, `<` or `<=`") };
            match Cmp::parse(mark) {
                Some(cmp @ (Cmp::Lt | Cmp::Le | Cmp::Gt | Cmp::Ge)) => {
                    self.take();
                    bounds.push((cmp, self.number("a number")?));
                }
                _ => return self.wrong("`>=`, `>`, `<` or `<=`"),
            }
            if bounds.len() == 2 || !self.eat_word("and") {
                break;
            }
        }
        let slope = if self.eat_word("slope") { Some(self.number("the slope")?) } else { None };
        let options = self.arguments(ITEMS)?;
        Ok(ItemKind::Band(BandDecl { name, of, bounds, slope, options }))
    }

    pub(super) fn group(&mut self) -> Read<ItemKind<'a>> {
        let name = self.declared("group")?;
        let winner = self.eat_word("winner");
        if !winner && !self.eat_word("exclusive") {
            return self.wrong("`exclusive(member, ...)` or `winner(member, ...)`");
        }
        self.mark("(")?;
        let mut members = Vec::new();
        while !self.is_mark(")") {
            members.push(self.name("a member's name")?);
            if !self.eat_mark(",") && !self.is_mark(")") {
                return self.wrong("`,` or `)`");
            }
        }
        self.take();
        Ok(ItemKind::Group(GroupDecl { name, winner, members, options: self.arguments(ITEMS)? }))
    }
}
