// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Base} from "./Base.sol";
import {PaymentInfo} from "../src/Payment.sol";
import {PoteOperator} from "../src/PoteOperator.sol";

/// Anything in any order, over eight payments.
contract Anything is Base {
    uint256 constant PAYMENTS = 8;
    PaymentInfo[PAYMENTS] infos;
    /// By payment: what was held, paid by orders, and given back, counted here and not read from the contracts.
    uint256[PAYMENTS] public held;
    uint256[PAYMENTS] public released;
    uint256[PAYMENTS] public returned;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < PAYMENTS; i++) {
            infos[i] = terms(uint120(1_000 * (i + 1)), 100 + i);
            infos[i].preApprovalExpiry = uint48(START + 1 days);
        }
    }

    function authorize(uint256 which) external {
        which %= PAYMENTS;
        hold(infos[which]);
        held[which] += infos[which].maxAmount;
    }

    function execute(uint256 which, uint256 paidBefore, uint256 amount, bool last, bool honest) external {
        which %= PAYMENTS;
        PaymentInfo memory info = infos[which];
        // Mostly what can be; sometimes anything.
        if (honest) (paidBefore, amount) = (released[which], amount % (left(info) + 1));
        uint256 before = left(info);
        PoteOperator.Order memory what = order(info, paidBefore, amount % 20_000, last);
        operator.execute(info, what, quorum(what));
        released[which] += what.amount;
        if (last) returned[which] += before - what.amount;
    }

    function reclaim(uint256 which) external {
        which %= PAYMENTS;
        uint256 before = left(infos[which]);
        escrow.reclaim(infos[which]);
        returned[which] += before;
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + time % 4 hours);
    }

    function check() external view {
        uint256 all;
        uint256 paid;
        for (uint256 i = 0; i < PAYMENTS; i++) {
            uint256 whole = infos[i].maxAmount;
            require(held[i] == 0 || held[i] == whole, "a payment is held once");
            require(released[i] + returned[i] <= held[i], "no more leaves than was held");
            require(left(infos[i]) == held[i] - released[i] - returned[i], "what is left is what did not leave");
            require(operator.paid(escrow.getHash(infos[i])) == released[i], "the operator counts what it paid");
            all += left(infos[i]);
            paid += released[i];
        }
        require(token.balanceOf(address(escrow)) == all, "the escrow has what is capturable, to the unit");
        require(token.balanceOf(RECEIVER) + token.balanceOf(FEES) == paid, "payee and fees have what was released");
        require(token.balanceOf(address(operator)) == 0 && token.balanceOf(address(collector)) == 0, "nothing is stranded");
    }
}

/// Money is neither made nor lost, and nothing is released twice.
contract ConservationTest {
    Anything anything;
    address[] targets;

    function setUp() public {
        anything = new Anything();
        anything.setUp();
        targets = [address(anything)];
    }

    function targetContracts() external view returns (address[] memory) {
        return targets;
    }

    function excludeSelectors() external view returns (FuzzSelector[] memory list) {
        list = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = Anything.setUp.selector;
        list[0] = FuzzSelector(address(anything), selectors);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function invariant_conservation() external view {
        anything.check();
    }
}
