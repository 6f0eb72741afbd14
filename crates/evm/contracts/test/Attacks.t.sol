// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {BadCollector, BadToken} from "./Hostile.sol";
import {Base} from "./Base.sol";
import {CaptureEscrow} from "../src/CaptureEscrow.sol";
import {PaymentInfo} from "../src/Payment.sol";
import {PoteOperator} from "../src/PoteOperator.sol";

/// What tokens, collectors, receivers and signers can try. The escrow holds another payment of the same token all the while, and
/// whatever is tried, that one is whole.
contract AttacksTest is Base {
    BadToken bad;
    BadCollector brings;
    PaymentInfo other;

    function setUp() public override {
        super.setUp();
        (bad, brings) = (new BadToken(), new BadCollector());
        other = mine(777, 99);
        authorize(other);
    }

    /// A payment whose operator is this test.
    function mine(uint120 amount, uint256 salt) internal view returns (PaymentInfo memory info) {
        info = terms(amount, salt);
        (info.operator, info.token) = (address(this), address(bad));
    }

    function authorize(PaymentInfo memory info) internal {
        bad.mint(info.payer, info.maxAmount);
        escrow.authorize(info, info.maxAmount, address(collector), "anything");
    }

    function refused(bytes memory call, bytes4 why) internal {
        (bool ok, bytes memory said) = address(escrow).call(call);
        require(!ok && bytes4(said) == why, "refused, and for this reason");
    }

    function whole() internal view {
        require(left(other) == 777 && bad.balanceOf(address(escrow)) >= 777, "the other payment is whole");
    }

    /// Every entrance, from within every move of the token: all of them are shut, and the move itself is not disturbed.
    function test_a_token_that_calls_back_finds_every_door_shut() public {
        PaymentInfo memory info = mine(1_000, 1);
        PaymentInfo memory late = mine(1, 2);
        late.authorizationExpiry = uint48(block.timestamp);
        bytes[6] memory doors = [
            abi.encodeCall(escrow.authorize, (mine(5, 3), 5, address(collector), "")),
            abi.encodeCall(escrow.charge, (mine(5, 3), 5, address(collector), "", 0, FEES)),
            abi.encodeCall(escrow.capture, (other, 777, 0, FEES)),
            abi.encodeCall(escrow.void, (other)),
            abi.encodeCall(escrow.reclaim, (late)),
            abi.encodeCall(escrow.refund, (other, 1, address(refunds), ""))
        ];
        for (uint256 i = 0; i < doors.length; i++) {
            info.salt = 10 + i;
            bad.strike(address(escrow), doors[i]);
            authorize(info);
            escrow.capture(info, 400, 0, FEES);
            escrow.void(info);
            require(bad.why() == CaptureEscrow.Reentered.selector, "each is told that it is within");
        }
        require(bad.entered() == 0 && bad.refusals() == 6 * 4, "none of them was entered, from none of four moves");
        whole();
    }

    /// The operator is called back within its own order: what it has done is written down before tokens move.
    function test_an_order_is_not_executed_within_itself() public {
        PaymentInfo memory info = terms(1_000, 20);
        info.token = address(bad);
        bad.mint(info.payer, 1_000);
        operator.authorize(info, 1_000, address(collector), "anything");
        PoteOperator.Order memory what = order(info, 0, 400, false);
        bad.strike(address(operator), abi.encodeCall(PoteOperator.execute, (info, what, quorum(what))));
        operator.execute(info, what, quorum(what));
        require(bad.entered() == 0 && bad.why() == PoteOperator.WrongBefore.selector, "it is done already");
        // Nor is the order that follows it: the escrow is shut until the first is through.
        PoteOperator.Order memory next = order(info, 400, 600, true);
        PoteOperator.Order memory after_ = order(info, 1_000, 0, true);
        bad.strike(address(operator), abi.encodeCall(PoteOperator.execute, (info, after_, quorum(after_))));
        operator.execute(info, next, quorum(next));
        require(bad.entered() == 0, "nothing is paid twice");
        require(bad.balanceOf(RECEIVER) + bad.balanceOf(FEES) == 1_000 && left(info) == 0, "all of it, once");
        whole();
    }

    function test_a_token_that_takes_a_fee_is_not_held() public {
        bad.be(BadToken.Answers.Yes, 1);
        PaymentInfo memory info = mine(1_000, 30);
        bad.mint(info.payer, 1_000);
        // It is short already on its way through the collector.
        (bool ok,) = address(escrow).call(abi.encodeCall(escrow.authorize, (info, 1_000, address(collector), "")));
        require(!ok && left(info) == 0, "not held");
        whole();
        // One that begins to take it later takes it from whom it pays, and from nobody else's payment.
        bad.be(BadToken.Answers.Yes, 0);
        authorize(info);
        bad.be(BadToken.Answers.Yes, 1);
        escrow.capture(info, 600, 0, FEES);
        escrow.void(info);
        require(bad.balanceOf(RECEIVER) == 599 && left(info) == 0, "less arrives");
        whole();
    }

    function test_what_a_token_answers_counts() public {
        PaymentInfo memory info = mine(1_000, 40);
        authorize(info);
        BadToken.Answers[2] memory noes = [BadToken.Answers.No, BadToken.Answers.Revert];
        for (uint256 i = 0; i < 2; i++) {
            bad.be(noes[i], 0);
            bytes4 no = bytes4(keccak256("TokenRefused(address)"));
            refused(abi.encodeCall(escrow.capture, (info, 400, 0, FEES)), no);
            refused(abi.encodeCall(escrow.void, (info)), no);
            require(left(info) == 1_000, "nothing moved, and nothing is said to have");
            PaymentInfo memory new_ = mine(10, 41 + i);
            bad.be(BadToken.Answers.Yes, 0);
            bad.mint(new_.payer, 10);
            bad.be(noes[i], 0);
            (bool ok,) = address(escrow).call(abi.encodeCall(escrow.authorize, (new_, 10, address(collector), "")));
            require(!ok && left(new_) == 0, "nor is anything held");
        }
        // No answer is a yes, where there is code; more than one word begins with one.
        bad.be(BadToken.Answers.Nothing, 0);
        escrow.capture(info, 400, 0, FEES);
        bad.be(BadToken.Answers.Long, 0);
        escrow.capture(info, 100, 0, FEES);
        bad.be(BadToken.Answers.Yes, 0);
        escrow.void(info);
        require(bad.balanceOf(RECEIVER) == 500, "captured");
        whole();
    }

    function test_a_token_without_code_is_none() public {
        PaymentInfo memory info = mine(10, 50);
        info.token = address(0xdead);
        (bool ok,) = address(escrow).call(abi.encodeCall(escrow.authorize, (info, 10, address(collector), "")));
        require(!ok && left(info) == 0, "nothing is held of nothing");
    }

    function testFuzz_a_collector_brings_what_it_should(uint8 how) public {
        BadCollector.Brings what = BadCollector.Brings(how % 4);
        PaymentInfo memory info = mine(1_000, 60);
        // The other payment could be reclaimed now, were anything entered.
        vm.warp(other.authorizationExpiry);
        (info.preApprovalExpiry, info.authorizationExpiry, info.refundExpiry) =
            (uint48(block.timestamp + 1), uint48(block.timestamp + 2), uint48(block.timestamp + 3));
        brings.be(bad, what, other);
        bytes4 why = what == BadCollector.Brings.Payout
            ? CaptureEscrow.Reentered.selector
            : CaptureEscrow.WrongCollection.selector;
        refused(abi.encodeCall(escrow.authorize, (info, 1_000, address(brings), "")), why);
        refused(abi.encodeCall(escrow.charge, (info, 1_000, address(brings), "", 0, FEES)), why);
        require(left(info) == 0, "not held");
        whole();
    }

    /// The twin of a signature (its s in the upper half), and other spellings, are no second signature and no first one.
    function testFuzz_signatures_have_one_spelling(uint256 salt, uint8 form) public {
        PaymentInfo memory info = terms(1_000, salt);
        hold(info);
        PoteOperator.Order memory what = order(info, 0, 1_000, true);
        bytes[] memory good = quorum(what);
        uint256 n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(verifiers[0], operator.digestOf(what));
        bytes memory turned;
        form = form % 5;
        if (form == 0) turned = abi.encodePacked(r, bytes32(n - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        if (form == 1) turned = abi.encodePacked(r, s, v - 27);
        if (form == 2) turned = abi.encodePacked(r, s, v, uint8(0));
        if (form == 3) turned = abi.encodePacked(r, s | bytes32(uint256(1) << 255));
        if (form == 4) turned = abi.encodePacked(bytes32(0), s, v);
        bytes[] memory forged = new bytes[](2);
        (forged[0], forged[1]) = (turned, good[1]);
        (bool ok,) = address(operator).call(abi.encodeCall(PoteOperator.execute, (info, what, forged)));
        require(!ok, "another spelling");
        // One verifier twice is one.
        (forged[0], forged[1]) = (good[0], good[0]);
        (ok,) = address(operator).call(abi.encodeCall(PoteOperator.execute, (info, what, forged)));
        require(!ok, "the same verifier twice");
        (forged[0], forged[1]) = (good[1], good[0]);
        (ok,) = address(operator).call(abi.encodeCall(PoteOperator.execute, (info, what, forged)));
        require(!ok, "out of order");
        // An order of another chain, or for another operator, is none here.
        vm.chainId(block.chainid + 1);
        (ok,) = address(operator).call(abi.encodeCall(PoteOperator.execute, (info, what, good)));
        require(!ok, "another chain");
        vm.chainId(block.chainid - 1);
        operator.execute(info, what, good);
        require(left(info) == 0, "the good ones still count");
    }

    /// A second before and at each deadline: every time belongs to one side only.
    function test_deadlines_at_equality() public {
        PaymentInfo memory info = mine(1_000, 70);
        bad.mint(info.payer, 3_000);
        bytes memory hold_ = abi.encodeCall(escrow.authorize, (info, 1_000, address(collector), ""));
        vm.warp(info.preApprovalExpiry);
        refused(hold_, CaptureEscrow.TooLate.selector);
        vm.warp(info.preApprovalExpiry - 1);
        escrow.authorize(info, 1_000, address(collector), "");
        bytes memory capture = abi.encodeCall(escrow.capture, (info, 100, 0, FEES));
        bytes memory reclaim = abi.encodeCall(escrow.reclaim, (info));
        vm.warp(info.authorizationExpiry - 1);
        refused(reclaim, CaptureEscrow.TooEarly.selector);
        escrow.capture(info, 100, 0, FEES);
        vm.warp(info.authorizationExpiry);
        refused(capture, CaptureEscrow.TooLate.selector);
        escrow.reclaim(info);
        bytes memory refund = abi.encodeCall(escrow.refund, (info, 40, address(refunds), ""));
        bad.mint(address(this), 100);
        bad.approve(address(refunds), 100);
        vm.warp(info.refundExpiry - 1);
        escrow.refund(info, 40, address(refunds), "");
        vm.warp(info.refundExpiry);
        refused(refund, CaptureEscrow.TooLate.selector);
        require(bad.balanceOf(info.payer) == 2_940 && bad.balanceOf(RECEIVER) == 100, "to the unit");
        // An order is void at its expiry, and its token's authorisation at the end of its time.
        PaymentInfo memory own = terms(1_000, 71);
        vm.warp(own.preApprovalExpiry - 1);
        hold(own);
        PoteOperator.Order memory what = order(own, 0, 10, false);
        bytes[] memory signatures = quorum(what);
        vm.warp(what.expires);
        (bool ok,) = address(operator).call(abi.encodeCall(PoteOperator.execute, (own, what, signatures)));
        require(!ok, "void");
        vm.warp(what.expires - 1);
        operator.execute(own, what, signatures);
        require(left(own) == 990, "a second earlier it counts");
    }

    /// What goes to the escrow by itself belongs to no payment, and cannot be paid out as one.
    function testFuzz_gifts_are_nobodys(uint96 gift) public {
        bad.mint(address(escrow), gift);
        PaymentInfo memory info = mine(1_000, 80);
        authorize(info);
        refused(abi.encodeCall(escrow.capture, (info, 1_001, 0, FEES)), CaptureEscrow.BadAmount.selector);
        escrow.capture(info, 1_000, 0, FEES);
        refused(abi.encodeCall(escrow.void, (info)), CaptureEscrow.BadAmount.selector);
        require(bad.balanceOf(address(escrow)) == 777 + uint256(gift), "it lies where it is");
        whole();
    }
}
