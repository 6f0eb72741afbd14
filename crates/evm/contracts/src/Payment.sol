// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// The terms of one payment, in the layout that the `auth-capture` binding hashes.
struct PaymentInfo {
    address operator;
    address payer;
    address receiver;
    address token;
    uint120 maxAmount;
    uint48 preApprovalExpiry;
    uint48 authorizationExpiry;
    uint48 refundExpiry;
    uint16 minFeeBps;
    uint16 maxFeeBps;
    address feeReceiver;
    uint256 salt;
}

interface IERC20 {
    function balanceOf(address owner) external view returns (uint256);
    function allowance(address owner, address spender) external view returns (uint256);
}

/// Brings a payment's tokens to the escrow, by whatever the payer signed.
interface ICollector {
    function collectTokens(PaymentInfo calldata info, address tokenStore, uint256 amount, bytes calldata data) external;
}

/// Moves of tokens, of those too that answer nothing.
library Tokens {
    error TokenRefused(address token);

    function send(address token, address to, uint256 amount) internal {
        move(token, abi.encodeWithSignature("transfer(address,uint256)", to, amount));
    }

    function pull(address token, address from, address to, uint256 amount) internal {
        move(token, abi.encodeWithSignature("transferFrom(address,address,uint256)", from, to, amount));
    }

    function allow(address token, address spender, uint256 amount) internal {
        move(token, abi.encodeWithSignature("approve(address,uint256)", spender, amount));
    }

    function move(address token, bytes memory call) private {
        (bool ok, bytes memory answer) = token.call(call);
        if (!ok) revert TokenRefused(token);
        bool said = answer.length == 0 ? token.code.length > 0 : abi.decode(answer, (bool));
        if (!said) revert TokenRefused(token);
    }
}

/// Who signed a digest: 65 bytes r, s, v; the twin with s in the upper half is refused.
library Signatures {
    error BadSignature();

    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    function signer(bytes32 digest, bytes calldata signature) internal pure returns (address who) {
        if (signature.length != 65) revert BadSignature();
        bytes32 r = bytes32(signature[0:32]);
        bytes32 s = bytes32(signature[32:64]);
        uint8 v = uint8(signature[64]);
        if (uint256(s) > HALF_ORDER || (v != 27 && v != 28)) revert BadSignature();
        who = ecrecover(digest, v, r, s);
        if (who == address(0)) revert BadSignature();
    }
}
