// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Base} from "./Base.sol";
import {PaymentInfo} from "../src/Payment.sol";
import {PoteOperator} from "../src/PoteOperator.sol";

/// What orders do, and everything that they do not do.
contract OrdersTest is Base {
    function refused(address target, bytes memory call) private {
        (bool ok,) = target.call(call);
        require(!ok, "it was not refused");
    }

    function refusedOrder(PaymentInfo memory info, PoteOperator.Order memory what, bytes[] memory signatures) private {
        refused(address(operator), abi.encodeCall(PoteOperator.execute, (info, what, signatures)));
    }

    function testFuzz_parts_sum_and_the_rest_goes_back(uint120 amount, uint120 first, uint120 second) public {
        amount = uint120(2 + amount % 1e30);
        first = uint120(1 + first % (amount - 1));
        second = uint120(1 + second % (amount - first));
        PaymentInfo memory info = terms(amount, 1);
        hold(info);
        PoteOperator.Order memory one = order(info, 0, first, false);
        operator.execute(info, one, quorum(one));
        require(left(info) == amount - first, "what is left after the first");
        PoteOperator.Order memory two = order(info, first, second, true);
        operator.execute(info, two, quorum(two));
        require(left(info) == 0 && token.balanceOf(address(escrow)) == 0, "nothing is held any more");
        require(token.balanceOf(info.payer) == uint256(amount) - first - second, "the rest is the payer's");
        require(token.balanceOf(FEES) == one.fee + two.fee, "fees");
        require(token.balanceOf(RECEIVER) == uint256(first) + second - one.fee - two.fee, "the payee has the rest of each part");
    }

    function testFuzz_an_order_is_executed_once(uint120 amount, uint120 part) public {
        amount = uint120(4 + amount % 1e30);
        part = uint120(1 + part % (amount / 2));
        PaymentInfo memory info = terms(amount, 2);
        hold(info);
        PoteOperator.Order memory one = order(info, 0, part, false);
        PoteOperator.Order memory rival = order(info, 0, part, false);
        rival.key = keccak256("another key");
        operator.execute(info, one, quorum(one));
        refusedOrder(info, one, quorum(one));
        refusedOrder(info, rival, quorum(rival));
        // Another amount for the same moment neither.
        PoteOperator.Order memory more = order(info, 0, part + 1, false);
        refusedOrder(info, more, quorum(more));
        // And the same key not for the next moment.
        PoteOperator.Order memory next = order(info, part, part, false);
        next.key = one.key;
        refusedOrder(info, next, quorum(next));
        require(left(info) == amount - part, "once");
    }

    function testFuzz_fewer_others_or_the_same_twice_are_no_quorum(uint8 which, bytes32 tweak) public {
        PaymentInfo memory info = terms(1_000, 3);
        hold(info);
        PoteOperator.Order memory what = order(info, 0, 500, false);
        bytes[] memory good = quorum(what);
        bytes[] memory bad = new bytes[](2);
        (bad[0], bad[1]) = (good[0], good[1]);
        which = which % 6;
        if (which == 0) {
            bad = new bytes[](1);
            bad[0] = good[0];
        } else if (which == 1) {
            bad[1] = good[0];
        } else if (which == 2) {
            (bad[0], bad[1]) = (good[1], good[0]);
        } else if (which == 3) {
            bad[1] = signed(99, operator.digestOf(what));
        } else if (which == 4) {
            // The twin of a signature, with s in the upper half.
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(verifiers[0], operator.digestOf(what));
            uint256 n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
            bad[0] = abi.encodePacked(r, bytes32(n - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        } else {
            // Signatures of another order.
            vm.assume(tweak != what.pote);
            what.pote = tweak;
        }
        refusedOrder(info, what, bad);
        require(left(info) == 1_000, "nothing moved");
    }

    function testFuzz_orders_expire_and_deadlines_divide(uint48 wait) public {
        PaymentInfo memory info = terms(1_000, 4);
        hold(info);
        PoteOperator.Order memory what = order(info, 0, 500, false);
        what.expires = uint48(START + 3 days);
        bytes[] memory signatures = quorum(what);
        vm.warp(START + wait % 4 days);
        if (block.timestamp < info.authorizationExpiry) {
            refused(address(escrow), abi.encodeCall(escrow.reclaim, (info)));
            operator.execute(info, what, signatures);
        } else {
            refusedOrder(info, what, signatures);
            // Anybody sends it back, with nobody's consent.
            vm.prank(address(0x1234));
            escrow.reclaim(info);
            require(token.balanceOf(info.payer) == 1_000 && left(info) == 0, "all of it");
            refused(address(escrow), abi.encodeCall(escrow.reclaim, (info)));
        }
        vm.warp(what.expires);
        refusedOrder(info, what, signatures);
    }

    function testFuzz_only_the_payment_that_was_signed_is_collected(uint8 field, uint256 value) public {
        PaymentInfo memory info = terms(1_000, 5);
        token.mint(info.payer, 10_000);
        bytes memory signature = payerSigns(info);
        PaymentInfo memory other = terms(1_000, 5);
        field = field % 5;
        vm.assume(value != 0);
        if (field == 0) other.receiver = address(uint160(value) | 1 << 100);
        if (field == 1) other.maxAmount = uint120(1_001 + value % 1_000);
        if (field == 2) other.salt = value == 5 ? 6 : value;
        if (field == 3) other.maxFeeBps = uint16(251 + value % 9_000);
        if (field == 4) other.authorizationExpiry = uint48(START + 1 hours + value % 1 days);
        refused(
            address(operator),
            abi.encodeCall(PoteOperator.authorize, (other, other.maxAmount, address(collector), signature))
        );
        operator.authorize(info, 1_000, address(collector), signature);
        refused(address(operator), abi.encodeCall(PoteOperator.authorize, (info, 1_000, address(collector), signature)));
    }

    function test_only_the_operator_captures_and_only_the_submitter_holds() public {
        PaymentInfo memory info = terms(1_000, 6);
        token.mint(info.payer, 1_000);
        bytes memory signature = payerSigns(info);
        vm.prank(address(0xbad));
        refused(address(operator), abi.encodeCall(PoteOperator.authorize, (info, 1_000, address(collector), signature)));
        refused(address(operator), abi.encodeCall(PoteOperator.authorize, (info, 999, address(collector), signature)));
        operator.authorize(info, 1_000, address(collector), signature);
        refused(address(escrow), abi.encodeCall(escrow.capture, (info, 1, 0, FEES)));
        refused(address(escrow), abi.encodeCall(escrow.void, (info)));
        refused(address(collector), abi.encodeCall(collector.collectTokens, (info, address(this), 1, signature)));
        PoteOperator.Order memory greedy = order(info, 0, 1_000, true);
        greedy.fee = 26;
        refusedOrder(info, greedy, quorum(greedy));
        PoteOperator.Order memory nothing = order(info, 0, 0, false);
        refusedOrder(info, nothing, quorum(nothing));
        PoteOperator.Order memory back = order(info, 0, 0, true);
        operator.execute(info, back, quorum(back));
        require(token.balanceOf(info.payer) == 1_000, "given back");
    }

    function test_a_permit_pays_only_the_payment_that_the_payer_signed() public {
        PaymentInfo memory info = terms(1_000, 7);
        token.mint(info.payer, 5_000);
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(PAYER, token.permitDigest(info.payer, address(permits), 1_000, info.preApprovalExpiry));
        bytes memory data =
            abi.encodePacked(abi.encode(v, r, s), signed(PAYER, permits.digestOf(escrow.getHash(info))));
        PaymentInfo memory other = terms(1_000, 8);
        refused(address(operator), abi.encodeCall(PoteOperator.authorize, (other, 1_000, address(permits), data)));
        // Somebody uses the permit first: its allowance is there all the same.
        token.permit(info.payer, address(permits), 1_000, info.preApprovalExpiry, v, r, s);
        operator.authorize(info, 1_000, address(permits), data);
        require(left(info) == 1_000 && token.balanceOf(info.payer) == 4_000, "held");
        // A payment is collected once, also where the token would give more.
        vm.prank(info.payer);
        token.approve(address(permits), 4_000);
        refused(address(operator), abi.encodeCall(PoteOperator.authorize, (info, 1_000, address(permits), data)));
    }

    function testFuzz_refunds_are_of_what_was_captured(uint120 captured, uint120 back) public {
        captured = uint120(1 + captured % 1_000);
        PaymentInfo memory info = terms(1_000, 9);
        hold(info);
        PoteOperator.Order memory what = order(info, 0, captured, true);
        operator.execute(info, what, quorum(what));
        token.mint(address(this), 2_000);
        token.approve(address(operator), 2_000);
        bytes memory call = abi.encodeCall(PoteOperator.refund, (info, back));
        if (back == 0 || back > captured) {
            refused(address(operator), call);
        } else {
            operator.refund(info, back);
            require(token.balanceOf(info.payer) == 1_000 - uint256(captured) + back, "refunded");
            refused(address(operator), abi.encodeCall(PoteOperator.refund, (info, captured - back + 1)));
        }
    }
}
