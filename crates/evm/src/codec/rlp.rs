//! RLP, the encoding of transactions: byte strings and lists of them.
//!
//! Source: Ethereum Yellow Paper, appendix B.

/// An item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// A byte string.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Item>),
}

impl Item {
    /// A number: big-endian without leading zeros.
    #[must_use]
    pub fn number(value: u128) -> Self {
        Self::Bytes(value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect())
    }

    /// Its encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => match bytes.as_slice() {
                [byte] if *byte < 0x80 => vec![*byte],
                bytes => after_length(0x80, bytes),
            },
            Self::List(items) => after_length(0xc0, &items.iter().flat_map(Self::encode).collect::<Vec<_>>()),
        }
    }
}

/// Up to 55 bytes have their length in the first byte; others the length of their length.
fn after_length(base: u8, bytes: &[u8]) -> Vec<u8> {
    let length: Vec<u8> = bytes.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let mut encoded = match u8::try_from(bytes.len()) {
        Ok(short) if short <= 55 => vec![base.saturating_add(short)],
        _ => vec![base.saturating_add(55).saturating_add(u8::try_from(length.len()).unwrap_or(8))],
    };
    if bytes.len() > 55 {
        encoded.extend(length);
    }
    encoded.extend_from_slice(bytes);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    /// Examples of the specification.
    #[test]
    fn examples() {
        let text = |text: &str| Item::Bytes(text.into());
        let lorem = "Lorem ipsum dolor sit amet, consectetur adipisicing elit";
        for (item, wanted) in [
            (text("dog"), "0x83646f67".to_owned()),
            (text(""), "0x80".into()),
            (Item::number(0), "0x80".into()),
            (Item::number(15), "0x0f".into()),
            (Item::number(1024), "0x820400".into()),
            (Item::List(vec![]), "0xc0".into()),
            (Item::List(vec![text("cat"), text("dog")]), "0xc88363617483646f67".into()),
            (
                Item::List(vec![
                    Item::List(vec![]),
                    Item::List(vec![Item::List(vec![])]),
                    Item::List(vec![Item::List(vec![]), Item::List(vec![Item::List(vec![])])]),
                ]),
                "0xc7c0c1c0c3c0c1c0".into(),
            ),
            (text(lorem), format!("0xb838{}", hex(lorem.as_bytes()).trim_start_matches("0x"))),
        ] {
            assert_eq!(hex(&item.encode()), wanted);
        }
        assert_eq!(Item::Bytes(vec![1; 56]).encode().len(), 58);
        assert_eq!(Item::List(vec![Item::Bytes(vec![1; 300])]).encode()[..6], [0xf9, 1, 47, 0xb9, 1, 44]);
    }
}
