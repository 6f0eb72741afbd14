// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CaptureEscrow} from "../src/CaptureEscrow.sol";
import {PaymentInfo} from "../src/Payment.sol";

/// A token whose issuer is nobody's friend: it takes a fee, answers what it likes, and calls whom it likes while it moves.
contract BadToken {
    enum Answers {
        Yes,
        No,
        Nothing,
        Long,
        Revert
    }

    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    Answers public answers;
    uint256 public fee;
    address public target;
    bytes public call;
    /// What became of the calls that it made.
    uint256 public entered;
    uint256 public refusals;
    bytes4 public why;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function be(Answers answers_, uint256 fee_) external {
        (answers, fee) = (answers_, fee_);
    }

    function strike(address target_, bytes calldata call_) external {
        (target, call) = (target_, call_);
    }

    function transfer(address to, uint256 amount) external {
        move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        move(from, to, amount);
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    /// Whoever shows anything may collect: signatures are the collectors' tests.
    function receiveWithAuthorization(address from, address to, uint256 value, uint256, uint256, bytes32, bytes calldata)
        external
    {
        move(from, to, value);
    }

    function move(address from, address to, uint256 amount) private {
        if (target != address(0)) {
            (bool ok, bytes memory said) = target.call(call);
            if (ok) entered++;
            else {
                refusals++;
                why = bytes4(said);
            }
        }
        balanceOf[from] -= amount;
        balanceOf[to] += amount - fee;
        if (answers == Answers.Revert) revert("never");
        if (answers == Answers.Nothing) {
            assembly ("memory-safe") {
                return(0, 0)
            }
        }
        uint256 word = answers == Answers.No ? 0 : 1;
        uint256 length = answers == Answers.Long ? 96 : 32;
        assembly ("memory-safe") {
            mstore(0, word)
            return(0, length)
        }
    }
}

/// A collector that brings something else than it should.
contract BadCollector {
    enum Brings {
        Nothing,
        Less,
        More,
        Payout
    }

    BadToken token;
    Brings brings;
    PaymentInfo payout;

    function be(BadToken token_, Brings brings_, PaymentInfo calldata payout_) external {
        (token, brings, payout) = (token_, brings_, payout_);
    }

    function collectTokens(PaymentInfo calldata, address tokenStore, uint256 amount, bytes calldata) external {
        if (brings == Brings.Less) token.mint(tokenStore, amount - 1);
        if (brings == Brings.More) token.mint(tokenStore, amount + 1);
        // Takes another payment's tokens out of the escrow, to bring them back in as this one's.
        if (brings == Brings.Payout) {
            CaptureEscrow(msg.sender).reclaim(payout);
            token.mint(tokenStore, amount);
        }
    }
}
