// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICollector, IERC20, PaymentInfo, Tokens} from "./Payment.sol";

/// Holds payments until their operator captures them, in parts, or gives them back: the interface of `auth-capture`.
///
/// A payment is its terms; their hash names it. It is collected once. What is held for it is `capturable`; the tokens here are
/// the sum of that over all payments. From `authorizationExpiry` on nothing is captured, and anybody may send what is left
/// back to the payer: no operator is needed for that.
contract CaptureEscrow {
    using Tokens for address;

    struct State {
        bool collected;
        bool reclaimed;
        uint120 capturable;
        uint120 refundable;
    }

    event PaymentAuthorized(bytes32 indexed payment, PaymentInfo info, uint256 amount, address tokenCollector);
    event PaymentCharged(
        bytes32 indexed payment, PaymentInfo info, uint256 amount, address tokenCollector, uint256 fee, address feeReceiver
    );
    event PaymentCaptured(bytes32 indexed payment, uint256 amount, uint256 fee, address feeReceiver);
    event PaymentVoided(bytes32 indexed payment, uint256 amount);
    event PaymentReclaimed(bytes32 indexed payment, uint256 amount);
    event PaymentRefunded(bytes32 indexed payment, uint256 amount, address tokenCollector);

    error NotOperator(address caller, address operator);
    error BadAmount(uint256 amount, uint256 least, uint256 most);
    error BadTerms();
    error BadFee(uint256 fee, address feeReceiver);
    error TooLate(uint256 deadline);
    error TooEarly(uint256 from);
    error AlreadyCollected(bytes32 payment);
    error WrongCollection(uint256 got, uint256 wanted);
    error Reentered();

    bytes32 public constant PAYMENT_INFO_TYPEHASH = keccak256(
        "PaymentInfo(address operator,address payer,address receiver,address token,uint120 maxAmount,uint48 preApprovalExpiry,uint48 authorizationExpiry,uint48 refundExpiry,uint16 minFeeBps,uint16 maxFeeBps,address feeReceiver,uint256 salt)"
    );
    uint256 private constant WHOLE_BPS = 10_000;

    mapping(bytes32 payment => State) public paymentState;
    bool private entered;

    /// Nothing is entered while tokens move: what a collector brought is what the balance grew by.
    modifier alone() {
        if (entered) revert Reentered();
        entered = true;
        _;
        entered = false;
    }

    modifier byOperator(PaymentInfo calldata info) {
        if (msg.sender != info.operator) revert NotOperator(msg.sender, info.operator);
        _;
    }

    /// Holds `amount`, which the collector brings.
    function authorize(PaymentInfo calldata info, uint256 amount, address tokenCollector, bytes calldata collectorData)
        external
        alone
        byOperator(info)
    {
        bytes32 payment = begin(info, amount);
        paymentState[payment].capturable = uint120(amount);
        emit PaymentAuthorized(payment, info, amount, tokenCollector);
        collect(info, amount, tokenCollector, collectorData);
    }

    /// Collects and pays out in one step.
    function charge(
        PaymentInfo calldata info,
        uint256 amount,
        address tokenCollector,
        bytes calldata collectorData,
        uint256 feeAmount,
        address feeReceiver
    ) external alone byOperator(info) {
        bytes32 payment = begin(info, amount);
        paymentState[payment].refundable = uint120(amount);
        emit PaymentCharged(payment, info, amount, tokenCollector, feeAmount, feeReceiver);
        collect(info, amount, tokenCollector, collectorData);
        pay(info, amount, feeAmount, feeReceiver);
    }

    /// Pays out a part of what is held.
    function capture(PaymentInfo calldata info, uint256 amount, uint256 feeAmount, address feeReceiver)
        external
        alone
        byOperator(info)
    {
        if (block.timestamp >= info.authorizationExpiry) revert TooLate(info.authorizationExpiry);
        bytes32 payment = getHash(info);
        State storage state = paymentState[payment];
        if (amount == 0 || amount > state.capturable) revert BadAmount(amount, 1, state.capturable);
        state.capturable -= uint120(amount);
        state.refundable += uint120(amount);
        emit PaymentCaptured(payment, amount, feeAmount, feeReceiver);
        pay(info, amount, feeAmount, feeReceiver);
    }

    /// Gives back all that is held.
    function void(PaymentInfo calldata info) external alone byOperator(info) {
        bytes32 payment = getHash(info);
        emit PaymentVoided(payment, release(info, payment));
    }

    /// Gives back all that is held once the time to capture is over. Anybody may call it: only the payer gets something.
    function reclaim(PaymentInfo calldata info) external alone {
        if (block.timestamp < info.authorizationExpiry) revert TooEarly(info.authorizationExpiry);
        bytes32 payment = getHash(info);
        paymentState[payment].reclaimed = true;
        emit PaymentReclaimed(payment, release(info, payment));
    }

    /// Gives back what was captured, from tokens that the collector brings.
    function refund(PaymentInfo calldata info, uint256 amount, address tokenCollector, bytes calldata collectorData)
        external
        alone
        byOperator(info)
    {
        if (block.timestamp >= info.refundExpiry) revert TooLate(info.refundExpiry);
        bytes32 payment = getHash(info);
        State storage state = paymentState[payment];
        if (amount == 0 || amount > state.refundable) revert BadAmount(amount, 1, state.refundable);
        state.refundable -= uint120(amount);
        emit PaymentRefunded(payment, amount, tokenCollector);
        collect(info, amount, tokenCollector, collectorData);
        info.token.send(info.payer, amount);
    }

    /// What names a payment on this chain, in this escrow.
    function getHash(PaymentInfo calldata info) public view returns (bytes32) {
        bytes32 terms = keccak256(abi.encode(PAYMENT_INFO_TYPEHASH, info));
        return keccak256(abi.encode(block.chainid, address(this), terms));
    }

    function begin(PaymentInfo calldata info, uint256 amount) private returns (bytes32 payment) {
        if (amount == 0 || amount > info.maxAmount) revert BadAmount(amount, 1, info.maxAmount);
        if (block.timestamp >= info.preApprovalExpiry) revert TooLate(info.preApprovalExpiry);
        bool ordered =
            info.preApprovalExpiry <= info.authorizationExpiry && info.authorizationExpiry <= info.refundExpiry;
        bool people = info.payer != address(0) && info.receiver != address(0) && info.receiver != address(this);
        if (!ordered || !people || info.minFeeBps > info.maxFeeBps || info.maxFeeBps > WHOLE_BPS) revert BadTerms();
        payment = getHash(info);
        if (paymentState[payment].collected) revert AlreadyCollected(payment);
        paymentState[payment].collected = true;
    }

    function collect(PaymentInfo calldata info, uint256 amount, address tokenCollector, bytes calldata data) private {
        uint256 before = IERC20(info.token).balanceOf(address(this));
        ICollector(tokenCollector).collectTokens(info, address(this), amount, data);
        uint256 got = IERC20(info.token).balanceOf(address(this)) - before;
        if (got != amount) revert WrongCollection(got, amount);
    }

    /// The fee is between the floors of its bounds, and goes to whom the terms name when they name somebody.
    function pay(PaymentInfo calldata info, uint256 amount, uint256 fee, address feeReceiver) private {
        bool within = fee >= amount * info.minFeeBps / WHOLE_BPS && fee <= amount * info.maxFeeBps / WHOLE_BPS;
        bool named = info.feeReceiver == address(0) || feeReceiver == info.feeReceiver;
        bool there = fee == 0 || (feeReceiver != address(0) && feeReceiver != address(this));
        if (!within || !there || (fee > 0 && !named)) revert BadFee(fee, feeReceiver);
        if (fee > 0) info.token.send(feeReceiver, fee);
        if (amount > fee) info.token.send(info.receiver, amount - fee);
    }

    function release(PaymentInfo calldata info, bytes32 payment) private returns (uint256 amount) {
        amount = paymentState[payment].capturable;
        if (amount == 0) revert BadAmount(0, 1, 0);
        paymentState[payment].capturable = 0;
        info.token.send(info.payer, amount);
    }
}
