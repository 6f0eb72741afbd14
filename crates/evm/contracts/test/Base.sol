// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CaptureEscrow} from "../src/CaptureEscrow.sol";
import {Eip3009Collector, PermitCollector, RefundCollector} from "../src/Collectors.sol";
import {PaymentInfo, Signatures} from "../src/Payment.sol";
import {PoteOperator} from "../src/PoteOperator.sol";

/// What forge offers tests.
interface Vm {
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function prank(address who) external;
    function warp(uint256 time) external;
    function assume(bool holds) external pure;
    function chainId(uint256 id) external;
}

/// A token with EIP-3009 and EIP-2612, as small as the tests need.
contract Token {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    mapping(address => mapping(bytes32 => bool)) public authorizationState;
    mapping(address => uint256) public nonces;

    bytes32 constant RECEIVE = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    function domain() public view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("USDC"),
                keccak256("2"),
                block.chainid,
                address(this)
            )
        );
    }

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        move(from, to, amount);
        return true;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function receiveDigest(address from, address to, uint256 value, uint256 afterTime, uint256 beforeTime, bytes32 nonce)
        public
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encodePacked(
                hex"1901", domain(), keccak256(abi.encode(RECEIVE, from, to, value, afterTime, beforeTime, nonce))
            )
        );
    }

    function permitDigest(address owner, address spender, uint256 value, uint256 deadline) public view returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                hex"1901", domain(), keccak256(abi.encode(PERMIT, owner, spender, value, nonces[owner], deadline))
            )
        );
    }

    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 afterTime,
        uint256 beforeTime,
        bytes32 nonce,
        bytes calldata signature
    ) external {
        require(to == msg.sender && block.timestamp > afterTime && block.timestamp < beforeTime, "not now, not you");
        require(!authorizationState[from][nonce], "used");
        require(
            Signatures.signer(receiveDigest(from, to, value, afterTime, beforeTime, nonce), signature) == from, "signature"
        );
        authorizationState[from][nonce] = true;
        move(from, to, value);
    }

    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        require(block.timestamp <= deadline, "late");
        require(ecrecover(permitDigest(owner, spender, value, deadline), v, r, s) == owner, "signature");
        nonces[owner]++;
        allowance[owner][spender] = value;
    }

    function move(address from, address to, uint256 amount) private {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// The contracts with two of three verifiers, and what parties sign.
abstract contract Base {
    Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 constant PAYER = 0xa11ce;
    uint256 constant START = 1_800_000_000;
    address constant RECEIVER = address(0xb0b);
    address constant FEES = address(0xfee);

    Token token;
    CaptureEscrow escrow;
    Eip3009Collector collector;
    PermitCollector permits;
    RefundCollector refunds;
    PoteOperator operator;
    uint256[] verifiers;

    function setUp() public virtual {
        vm.warp(START);
        token = new Token();
        escrow = new CaptureEscrow();
        collector = new Eip3009Collector(address(escrow));
        permits = new PermitCollector(address(escrow));
        refunds = new RefundCollector(address(escrow));
        verifiers = [uint256(11), 12, 13];
        // In ascending order of their addresses, as orders are signed.
        for (uint256 i = 0; i < 3; i++) {
            for (uint256 j = i + 1; j < 3; j++) {
                if (vm.addr(verifiers[j]) < vm.addr(verifiers[i])) {
                    (verifiers[i], verifiers[j]) = (verifiers[j], verifiers[i]);
                }
            }
        }
        address[] memory who = new address[](3);
        for (uint256 i = 0; i < 3; i++) who[i] = vm.addr(verifiers[i]);
        operator = new PoteOperator(escrow, address(refunds), address(this), 2, who);
    }

    function terms(uint120 amount, uint256 salt) internal view returns (PaymentInfo memory) {
        return PaymentInfo({
            operator: address(operator),
            payer: vm.addr(PAYER),
            receiver: RECEIVER,
            token: address(token),
            maxAmount: amount,
            preApprovalExpiry: uint48(START + 1 hours),
            authorizationExpiry: uint48(START + 2 days),
            refundExpiry: uint48(START + 9 days),
            minFeeBps: 0,
            maxFeeBps: 250,
            feeReceiver: FEES,
            salt: salt
        });
    }

    function signed(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function payerSigns(PaymentInfo memory info) internal view returns (bytes memory) {
        bytes32 nonce = collector.nonceOf(info);
        return signed(
            PAYER, token.receiveDigest(info.payer, address(collector), info.maxAmount, 0, info.preApprovalExpiry, nonce)
        );
    }

    function hold(PaymentInfo memory info) internal {
        token.mint(info.payer, info.maxAmount);
        operator.authorize(info, info.maxAmount, address(collector), payerSigns(info));
    }

    function order(PaymentInfo memory info, uint256 paidBefore, uint256 amount, bool last)
        internal
        view
        returns (PoteOperator.Order memory)
    {
        bytes32 key = keccak256(abi.encode(paidBefore, amount, last));
        return PoteOperator.Order({
            payment: escrow.getHash(info),
            pote: keccak256("proof"),
            key: key,
            paidBefore: paidBefore,
            amount: amount,
            fee: amount * 250 / 10_000,
            last: last,
            expires: uint48(block.timestamp + 1 hours)
        });
    }

    function quorum(PoteOperator.Order memory what) internal view returns (bytes[] memory signatures) {
        signatures = new bytes[](2);
        signatures[0] = signed(verifiers[0], operator.digestOf(what));
        signatures[1] = signed(verifiers[2], operator.digestOf(what));
    }

    function left(PaymentInfo memory info) internal view returns (uint256 capturable) {
        (,, capturable,) = escrow.paymentState(escrow.getHash(info));
    }
}
