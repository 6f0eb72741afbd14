//! Which decision wins: the incumbent's order, in tiers and priorities of the language.
//!
//! The incumbent orders what matched by priority, confidence and name (`strategy: priority`), or by confidence,
//! priority and name. As soon as a decision with a tier above 0 matched, it orders by tier, confidence, priority and
//! name instead, whatever the strategy; decisions without a tier come first then.

use super::super::gaps::Gaps;
use super::super::yaml::Node;
use super::Recipe;
use super::rules::is_always;

/// Largest tier that is written.
const MAX_TIER: u32 = 100_000;

/// The order of the whole policy.
pub(super) struct Order {
    /// Whether confidence comes before priority.
    pub(super) by_confidence: bool,
    recipes: Vec<Vec<Rank>>,
}

/// Where a decision stands.
#[derive(Clone, Copy)]
pub(super) struct Rank {
    pub(super) tier: Option<u32>,
    pub(super) priority: i32,
}

struct Given {
    tier: u32,
    priority: i32,
    always: bool,
}

impl Order {
    /// Reads the ranks of all recipes; a recipe without a strategy of its own has that of `global.router`.
    pub(super) fn of(root: &Node, recipes: &[Recipe<'_>], gaps: &mut Gaps) -> Self {
        let router = root.get("global").and_then(|global| global.get("router"));
        let general = by_confidence(router.and_then(|router| router.get("strategy")), gaps).unwrap_or(false);
        let given: Vec<(bool, Vec<Given>)> = recipes
            .iter()
            .map(|recipe| {
                let own = by_confidence(recipe.routing.get("strategy"), gaps);
                let decisions = recipe.routing.list("decisions").iter().map(|node| read(node, gaps));
                (own.unwrap_or(general), decisions.collect())
            })
            .collect();
        let by_confidence = given.iter().any(|(confidence, decisions)| {
            let tiered = decisions.iter().any(|decision| decision.tier > 0);
            (*confidence || tiered) && clashes(decisions)
        });
        let recipes = recipes
            .iter()
            .zip(&given)
            .map(|(recipe, (confidence, decisions))| {
                ranks(recipe, *confidence, decisions, by_confidence, gaps)
            })
            .collect();
        Self { by_confidence, recipes }
    }

    /// The ranks of one recipe's decisions, in the order of the file.
    pub(super) fn recipe(&self, at: usize) -> &[Rank] {
        self.recipes.get(at).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Whether a strategy puts confidence first; `None` where there is none.
fn by_confidence(strategy: Option<&Node>, gaps: &mut Gaps) -> Option<bool> {
    let node = strategy?;
    match node.text() {
        Some("confidence") => Some(true),
        Some("priority") => Some(false),
        _ => {
            gaps.wrong(node, "the strategies are priority and confidence; priority is taken");
            Some(false)
        }
    }
}

fn read(node: &Node, gaps: &mut Gaps) -> Given {
    let mut whole = |key: &str, least: f64, most: f64| {
        let found = node.get(key)?;
        let number = found.number().filter(|number| number.fract() == 0.0);
        if number.is_none_or(|number| !(least..=most).contains(&number)) {
            gaps.wrong(found, "not a whole number in range; the nearest is taken, or 0");
        }
        // In range after the clamp.
        Some(number.unwrap_or(0.0).clamp(least, most) as i32)
    };
    let priority = whole("priority", -1_000_000.0, 1_000_000.0).unwrap_or(0);
    let tier = whole("tier", 0.0, f64::from(MAX_TIER)).unwrap_or(0);
    let always = is_always(node.get("rules"));
    Given { tier: tier.unsigned_abs(), priority, always }
}

/// Whether two decisions of one tier have different priorities, so that it matters what comes first.
fn clashes(decisions: &[Given]) -> bool {
    let mut ranks: Vec<(u32, i32)> =
        decisions.iter().map(|decision| (decision.tier, decision.priority)).collect();
    ranks.sort_unstable();
    ranks.dedup();
    ranks.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a == b))
}

fn ranks(
    recipe: &Recipe<'_>,
    confidence: bool,
    decisions: &[Given],
    by_confidence: bool,
    gaps: &mut Gaps,
) -> Vec<Rank> {
    let tiered = decisions.iter().any(|decision| decision.tier > 0);
    let untiered: Vec<&Given> = decisions.iter().filter(|decision| decision.tier == 0).collect();
    // The untiered compete by confidence where a tiered decision is sure to have matched too.
    let by_tier = confidence || decisions.iter().any(|decision| decision.tier > 0 && decision.always);
    if tiered && !confidence && !by_tier && untiered.len() > 1 {
        gaps.stands_in(
            recipe.routing,
            "decisions without a tier are ordered by priority, also where a decision with a tier matches beside them",
        );
    }
    let mut steps: Vec<i32> = untiered.iter().map(|decision| -decision.priority).collect();
    steps.sort_unstable();
    steps.dedup();
    // In a policy that looks at confidence first, a tier for each priority restores the order by priority.
    let split = by_confidence && !by_tier;
    let shift = if split { u32::try_from(steps.len()).unwrap_or(MAX_TIER) } else { 0 };
    decisions
        .iter()
        .map(|decision| {
            let tier = match decision.tier {
                0 if split => {
                    steps.binary_search(&-decision.priority).ok().and_then(|at| u32::try_from(at).ok())
                }
                0 if tiered => Some(0),
                0 => None,
                tier => Some(tier.saturating_add(shift)),
            };
            Rank { tier, priority: decision.priority }
        })
        .collect()
}
