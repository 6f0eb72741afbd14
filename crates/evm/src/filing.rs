//! What others sign for an escrow: said, checked, and filed.

use crate::typed::{Authorization, Use};
use crate::{
    Address, EvmError, Folder, Order, OrderAsk, Papers as _, Payment, PaymentInfo, Quorum, Signature,
    SignedOrder, Word, recover,
};
use tollgate_core::Digest;
use tollgate_pay::escrow::TaskContract;
use tollgate_pay::rail::Call;

/// What the payer of a contract signs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// The payment that the contract means.
    pub info: PaymentInfo,
    /// Its name on the chain.
    pub payment: Word,
    /// The authorisation (`ReceiveWithAuthorization` of EIP-3009).
    pub authorization: Authorization,
    /// Its digest (EIP-712).
    pub digest: Word,
    collector: Address,
}

/// What verifiers sign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderDraft {
    /// The order.
    pub order: Order,
    /// Its digest (EIP-712).
    pub digest: Word,
    /// Who may sign it, and how many must.
    pub quorum: Quorum,
}

impl Folder {
    /// What the payer of a contract signs.
    ///
    /// # Errors
    /// [`EvmError`] with what the rail cannot carry.
    pub fn draft(&self, contract: &TaskContract) -> Result<Draft, EvmError> {
        let (config, collector) = (self.config(), self.addresses().eip3009);
        let info = config.info(contract)?;
        let authorization = info.authorization(config.chain_id, config.escrow, collector);
        let digest = authorization.digest(&self.domain(info.token)?, Use::Receive);
        let payment = info.hash(config.chain_id, config.escrow);
        Ok(Draft { info, payment, authorization, digest, collector })
    }

    /// Files what the payer signed.
    ///
    /// # Errors
    /// [`EvmError::Bad`] for a signature of somebody else.
    pub fn file_payment(
        &self,
        escrow: &Digest,
        draft: &Draft,
        signature: &Signature,
    ) -> Result<(), EvmError> {
        if recover(&draft.digest, signature) != Some(draft.info.payer) {
            return Err(EvmError::bad("signature", &signature.to_string(), "the payer's, of this payment"));
        }
        let data = signature.0.to_vec();
        self.papers()
            .file_payment(escrow, &Payment { info: draft.info.clone(), collector: draft.collector, data })
    }

    /// The order that an escrow's call needs signed, for a proof and until a time in seconds since the epoch.
    ///
    /// # Errors
    /// [`EvmError`] where the call is none of this contract, or needs no order.
    pub fn order(
        &self,
        call: &Call,
        contract: &TaskContract,
        pote: Digest,
        expires: u64,
    ) -> Result<OrderDraft, EvmError> {
        let config = self.config();
        let found = config.order(call, contract)?;
        let (info, order) = found.ok_or_else(|| EvmError::bad("call", &call.key, "a release or a refund"))?;
        let (operator, wanted) = (info.operator, "that of a quorum, present or former");
        let quorum = config.quorum_of(operator).cloned();
        let quorum = quorum.ok_or_else(|| EvmError::bad("operator", &operator.to_string(), wanted))?;
        let order = Order { pote: Word(pote.0), expires, ..order };
        let digest = order.digest(config.chain_id, operator);
        Ok(OrderDraft { order, digest, quorum })
    }

    /// Files a verifier's signature of an order, and answers how many there are of it.
    ///
    /// # Errors
    /// [`EvmError::Bad`] for a signature of somebody else.
    pub fn file_order(
        &self,
        escrow: &Digest,
        draft: &OrderDraft,
        signature: &Signature,
    ) -> Result<usize, EvmError> {
        let signer = recover(&draft.digest, signature);
        if !signer.is_some_and(|signer| draft.quorum.verifiers.contains(&signer)) {
            return Err(EvmError::bad("signature", &signature.to_string(), "a verifier's, of this order"));
        }
        let (mut papers, order) = (self.papers(), draft.order.clone());
        papers.file_order(&SignedOrder { order: order.clone(), signatures: vec![signature.to_string()] })?;
        let ask = OrderAsk { escrow: *escrow, order };
        let all = papers.orders(&ask)?;
        let same = all.iter().find(|signed| signed.order == ask.order);
        Ok(same.map_or(0, |signed| signed.signatures.len()))
    }
}
