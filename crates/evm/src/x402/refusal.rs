//! Why a payment is not taken, in x402's words.

/// A reason with its word on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The version is neither 1 nor 2.
    Version,
    /// The payload is not of the form of its scheme.
    Payload,
    /// The requirements are not of their form, or not those that the payer accepted.
    Requirements,
    /// The scheme is not `exact`.
    Scheme,
    /// The network is not served here, or is not the same in both.
    Network,
    /// The requirements do not name the token's signing domain.
    Domain,
    /// The token is called something else.
    TokenName,
    /// The token has another version.
    TokenVersion,
    /// The money goes to somebody else.
    Recipient,
    /// The amount is another one.
    Value,
    /// It is not valid yet.
    ValidAfter,
    /// It is not valid any more, or not for long enough.
    ValidBefore,
    /// The payer did not sign it.
    Signature,
    /// It was used, or cancelled.
    NonceUsed,
    /// The payer has less.
    Funds,
    /// The token refuses it.
    Simulation,
    /// Another payment under the same name is, or was, under way here.
    Duplicate,
    /// It is under way, and how it ends is not known yet.
    Pending,
    /// It was not taken, and cannot be any more.
    Failed,
    /// The chain cannot be asked: nothing was sent.
    Unavailable,
}

impl Refusal {
    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Version => "invalid_x402_version",
            Self::Payload => "invalid_payload",
            Self::Requirements => "invalid_payment_requirements",
            Self::Scheme => "unsupported_scheme",
            Self::Network => "invalid_network",
            Self::Domain => "missing_eip712_domain",
            Self::TokenName => "invalid_exact_evm_token_name_mismatch",
            Self::TokenVersion => "invalid_exact_evm_token_version_mismatch",
            Self::Recipient => "invalid_exact_evm_payload_recipient_mismatch",
            Self::Value => "invalid_exact_evm_payload_authorization_value_mismatch",
            Self::ValidAfter => "invalid_exact_evm_payload_authorization_valid_after",
            Self::ValidBefore => "invalid_exact_evm_payload_authorization_valid_before",
            Self::Signature => "invalid_exact_evm_payload_signature",
            Self::NonceUsed => "invalid_exact_evm_nonce_already_used",
            Self::Funds => "insufficient_funds",
            Self::Simulation => "invalid_exact_evm_transaction_simulation_failed",
            Self::Duplicate => "duplicate_settlement",
            Self::Pending => "settlement_pending",
            Self::Failed => "invalid_transaction_state",
            Self::Unavailable => "unexpected_verify_error",
        }
    }
}
