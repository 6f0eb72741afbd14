// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CaptureEscrow} from "./CaptureEscrow.sol";
import {PaymentInfo, Signatures, Tokens} from "./Payment.sol";

/// Releases payments by a proof of task execution: k of n verifiers sign each order, and anybody may submit it.
///
/// Payments name this contract as their operator, so they commit to its quorum. An order says how much was paid before it:
/// it is executed at most once, and of two orders for the same moment only one is. The submitter can hold a payment
/// that its payer signed, and nothing else.
contract PoteOperator {
    using Tokens for address;

    struct Order {
        bytes32 payment;
        bytes32 pote;
        bytes32 key;
        uint256 paidBefore;
        uint256 amount;
        uint256 fee;
        bool last;
        uint48 expires;
    }

    event OrderExecuted(
        bytes32 indexed payment, bytes32 indexed key, bytes32 pote, uint256 paidBefore, uint256 amount, uint256 fee, bool last
    );

    error BadQuorum();
    error NotSubmitter(address caller);
    error NotWhole(uint256 amount, uint256 whole);
    error WrongPayment(bytes32 payment);
    error WrongBefore(uint256 paidBefore, uint256 is_);
    error Expired(uint256 expires);
    error KeyUsed(bytes32 key);
    error TooFewSignatures(uint256 got, uint256 needed);
    error NotVerifier(address signer);

    bytes32 public constant ORDER_TYPEHASH = keccak256(
        "Order(bytes32 payment,bytes32 pote,bytes32 key,uint256 paidBefore,uint256 amount,uint256 fee,bool last,uint48 expires)"
    );
    uint256 private constant VERIFIERS_MAX = 16;

    CaptureEscrow public immutable escrow;
    address public immutable submitter;
    address public immutable refundCollector;
    uint256 public immutable needed;

    mapping(address who => bool) public isVerifier;
    /// What orders paid out of a payment so far.
    mapping(bytes32 payment => uint256) public paid;
    /// Whether the order of a key was executed for a payment.
    mapping(bytes32 payment => mapping(bytes32 key => bool)) public executed;

    constructor(CaptureEscrow escrow_, address refundCollector_, address submitter_, uint256 needed_, address[] memory verifiers) {
        if (needed_ == 0 || needed_ > verifiers.length || verifiers.length > VERIFIERS_MAX) revert BadQuorum();
        (escrow, refundCollector, submitter, needed) = (escrow_, refundCollector_, submitter_, needed_);
        for (uint256 i = 0; i < verifiers.length; i++) {
            if (verifiers[i] == address(0) || isVerifier[verifiers[i]]) revert BadQuorum();
            isVerifier[verifiers[i]] = true;
        }
    }

    /// Holds all of a payment.
    function authorize(PaymentInfo calldata info, uint256 amount, address tokenCollector, bytes calldata collectorData)
        external
    {
        if (msg.sender != submitter) revert NotSubmitter(msg.sender);
        if (amount != info.maxAmount) revert NotWhole(amount, info.maxAmount);
        escrow.authorize(info, amount, tokenCollector, collectorData);
    }

    /// Executes an order that enough verifiers signed, in ascending order of their addresses: pays `amount`, and gives the rest
    /// back when it is the last.
    function execute(PaymentInfo calldata info, Order calldata order, bytes[] calldata signatures) external {
        bytes32 payment = escrow.getHash(info);
        if (order.payment != payment) revert WrongPayment(payment);
        if (block.timestamp >= order.expires) revert Expired(order.expires);
        if (order.paidBefore != paid[payment]) revert WrongBefore(order.paidBefore, paid[payment]);
        if (executed[payment][order.key]) revert KeyUsed(order.key);
        check(digestOf(order), signatures);
        paid[payment] += order.amount;
        executed[payment][order.key] = true;
        emit OrderExecuted(payment, order.key, order.pote, order.paidBefore, order.amount, order.fee, order.last);
        if (order.amount > 0) escrow.capture(info, order.amount, order.fee, info.feeReceiver);
        if (order.last) {
            (,, uint120 left,) = escrow.paymentState(payment);
            if (left > 0 || order.amount == 0) escrow.void(info);
        } else if (order.amount == 0) {
            revert NotWhole(0, 1);
        }
    }

    /// Gives back what was captured, out of the caller's own tokens, which it allowed this contract to take.
    function refund(PaymentInfo calldata info, uint256 amount) external {
        info.token.pull(msg.sender, address(this), amount);
        info.token.allow(refundCollector, amount);
        escrow.refund(info, amount, refundCollector, "");
    }

    /// What verifiers sign (EIP-712).
    function digestOf(Order calldata order) public view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Tollgate PoTE"),
                keccak256("1"),
                block.chainid,
                address(this)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, keccak256(abi.encode(ORDER_TYPEHASH, order))));
    }

    function check(bytes32 digest, bytes[] calldata signatures) private view {
        if (signatures.length < needed || signatures.length > VERIFIERS_MAX) {
            revert TooFewSignatures(signatures.length, needed);
        }
        address last = address(0);
        for (uint256 i = 0; i < signatures.length; i++) {
            address who = Signatures.signer(digest, signatures[i]);
            if (who <= last || !isVerifier[who]) revert NotVerifier(who);
            last = who;
        }
    }
}
