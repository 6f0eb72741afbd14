// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICollector, IERC20, PaymentInfo, Signatures, Tokens} from "./Payment.sol";

interface IEscrowHash {
    function getHash(PaymentInfo calldata info) external view returns (bytes32);
}

/// Only the escrow may ask, so that tokens go nowhere else.
abstract contract Collector is ICollector {
    using Tokens for address;

    error NotEscrow(address caller);

    address public immutable escrow;

    constructor(address escrow_) {
        escrow = escrow_;
    }

    function collectTokens(PaymentInfo calldata info, address tokenStore, uint256 amount, bytes calldata data) external {
        if (msg.sender != escrow) revert NotEscrow(msg.sender);
        bring(info, tokenStore, amount, data);
    }

    function bring(PaymentInfo calldata info, address tokenStore, uint256 amount, bytes calldata data) internal virtual;
}

interface IEIP3009 {
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;
}

/// Collects by EIP-3009. The authorisation's nonce is the payment's hash without its payer, so it pays this payment only.
contract Eip3009Collector is Collector {
    using Tokens for address;

    constructor(address escrow_) Collector(escrow_) {}

    function nonceOf(PaymentInfo calldata info) public view returns (bytes32) {
        PaymentInfo memory anybody = info;
        anybody.payer = address(0);
        (bool ok, bytes memory hash) = escrow.staticcall(abi.encodeCall(IEscrowHash.getHash, (anybody)));
        if (!ok) revert NotEscrow(escrow);
        return abi.decode(hash, (bytes32));
    }

    /// The whole of `maxAmount` is signed for; what is not held goes back at once.
    function bring(PaymentInfo calldata info, address tokenStore, uint256 amount, bytes calldata data) internal override {
        IEIP3009(info.token).receiveWithAuthorization(
            info.payer, address(this), info.maxAmount, 0, info.preApprovalExpiry, nonceOf(info), data
        );
        info.token.send(tokenStore, amount);
        if (info.maxAmount > amount) info.token.send(info.payer, info.maxAmount - amount);
    }
}

interface IEIP2612 {
    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;
}

/// Collects by EIP-2612. A permit names no payment, so the payer signs the payment besides.
contract PermitCollector is Collector {
    using Tokens for address;

    error NotPayer(address signer);

    bytes32 public constant PAYMENT_TYPEHASH = keccak256("Payment(bytes32 payment)");

    constructor(address escrow_) Collector(escrow_) {}

    function digestOf(bytes32 payment) public view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Tollgate Permit Collector"),
                keccak256("1"),
                block.chainid,
                address(this)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, keccak256(abi.encode(PAYMENT_TYPEHASH, payment))));
    }

    /// `data` is the permit's v, r, s and the payer's signature of the payment. A permit that somebody else used first left its
    /// allowance, which is what counts.
    function bring(PaymentInfo calldata info, address tokenStore, uint256 amount, bytes calldata data) internal override {
        (uint8 v, bytes32 r, bytes32 s) = abi.decode(data[:96], (uint8, bytes32, bytes32));
        bytes32 payment = IEscrowHash(escrow).getHash(info);
        address who = Signatures.signer(digestOf(payment), data[96:]);
        if (who != info.payer) revert NotPayer(who);
        try IEIP2612(info.token).permit(info.payer, address(this), info.maxAmount, info.preApprovalExpiry, v, r, s) {} catch {}
        info.token.pull(info.payer, tokenStore, amount);
    }
}

/// Collects a refund from the payment's operator, which allowed it.
contract RefundCollector is Collector {
    using Tokens for address;

    constructor(address escrow_) Collector(escrow_) {}

    function bring(PaymentInfo calldata info, address tokenStore, uint256 amount, bytes calldata) internal override {
        info.token.pull(info.operator, tokenStore, amount);
    }
}
