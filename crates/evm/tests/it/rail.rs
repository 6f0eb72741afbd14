//! The rail on a real node, held to what every rail promises.

use crate::node::Shared;
use crate::world::{Rail, World, node};
use std::cell::Cell;
use tollgate_core::id::AccountId;
use tollgate_evm::address_of;
use tollgate_pay::escrow::TaskContract;
use tollgate_pay::rail::kit::{Bench, Fault, conform};

struct ChainBench {
    world: World,
    contract: TaskContract,
    beyond: TaskContract,
}

impl ChainBench {
    fn new(node: &Shared, who: &str, name: &str) -> Self {
        let mut world = World::new(node, who, name, 2);
        let contract = world.contract(&[3_000, 5_000, 2_000]);
        let beyond = world.contract(&[3_000, 5_000, 2_001]);
        world.mint(world.payer.address(), 10_000);
        Self { world, contract, beyond }
    }
}

impl Bench for ChainBench {
    type Rail = Rail;

    fn contract(&self) -> TaskContract {
        self.contract.clone()
    }

    fn beyond(&self) -> TaskContract {
        self.beyond.clone()
    }

    fn rail(&mut self) -> &mut Rail {
        self.world.rail.as_mut().unwrap()
    }

    fn restart(&mut self) {
        self.world.start();
    }

    fn arm(&mut self, fault: Fault) {
        self.world.node.0.borrow_mut().armed = fault;
    }

    fn heal(&mut self) {
        self.world.node.heal();
    }

    fn balance(&self, account: &AccountId) -> i128 {
        let address = address_of(account).unwrap();
        let held = if address == self.world.payer.address() { self.world.held() } else { 0 };
        i128::try_from(self.world.tokens(address) + held).unwrap()
    }

    fn held(&self) -> i128 {
        i128::try_from(self.world.held()).unwrap()
    }
}

#[test]
fn the_evm_rail_conforms_on_a_real_node() {
    let Some((node, _alone)) = node() else { return };
    let made = Cell::new(0u32);
    let make = || {
        made.set(made.get() + 1);
        ChainBench::new(&node, "conform", &made.get().to_string())
    };
    let report = conform(make).unwrap();
    assert!(report.plays > 100 && report.calls > 500 && report.unknown > 100, "{report:?}");
}
