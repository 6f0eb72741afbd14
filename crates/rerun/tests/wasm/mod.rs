//! Modules, made byte by byte.
#![allow(dead_code, reason = "each test uses its own part")]

pub(crate) const END: u8 = 0x0b;

pub(crate) fn leb(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

pub(crate) fn counted(parts: &[Vec<u8>]) -> Vec<u8> {
    [leb(u32::try_from(parts.len()).unwrap()), parts.concat()].concat()
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    [leb(u32::try_from(text.len()).unwrap()), text.as_bytes().to_vec()].concat()
}

pub(crate) fn section(id: u8, body: Vec<u8>) -> Vec<u8> {
    [vec![id], leb(u32::try_from(body.len()).unwrap()), body].concat()
}

/// A module in the making: its three imports, one memory, functions without parameters that return a number.
pub(crate) struct Wasm {
    pub(crate) imports: Vec<(&'static str, &'static str, u8)>,
    pub(crate) pages: u32,
    pub(crate) bodies: Vec<Vec<u8>>,
    pub(crate) start: Option<Vec<u8>>,
    pub(crate) exports: Vec<(&'static str, u8, u32)>,
}

impl Wasm {
    /// `run` is this code, after the three imports.
    pub(crate) fn new(code: &[u8]) -> Self {
        let imports =
            vec![("tollgate", "input_size", 0), ("tollgate", "input", 1), ("tollgate", "output", 2)];
        let exports = vec![("memory", 2, 0), ("run", 0, 3)];
        Self { imports, pages: 1, bodies: vec![code.to_vec()], start: None, exports }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let i32s = |count: usize| vec![0x7f; count];
        let kind = |params: usize, results: usize| {
            [vec![0x60], leb(params as u32), i32s(params), leb(results as u32), i32s(results)].concat()
        };
        let types = [kind(0, 1), kind(3, 0), kind(2, 0), kind(0, 0)];
        let imports: Vec<_> = self
            .imports
            .iter()
            .map(|(module, name, of)| [text(module), text(name), vec![0, *of]].concat())
            .collect();
        let body = |code: &Vec<u8>| {
            let code = [vec![0], code.clone(), vec![END]].concat();
            [leb(u32::try_from(code.len()).unwrap()), code].concat()
        };
        let mut functions: Vec<Vec<u8>> = vec![leb(0); self.bodies.len()];
        let mut bodies: Vec<Vec<u8>> = self.bodies.iter().map(body).collect();
        let mut start = Vec::new();
        if let Some(code) = &self.start {
            start = section(8, leb(u32::try_from(self.imports.len() + bodies.len()).unwrap()));
            functions.push(leb(3));
            bodies.push(body(code));
        }
        let exports: Vec<_> =
            self.exports.iter().map(|(name, of, at)| [text(name), vec![*of], leb(*at)].concat()).collect();
        [
            b"\0asm\x01\0\0\0".to_vec(),
            section(1, counted(&types)),
            section(2, counted(&imports)),
            section(3, counted(&functions)),
            section(5, counted(&[[vec![0], leb(self.pages)].concat()])),
            section(7, counted(&exports)),
            start,
            section(10, counted(&bodies)),
        ]
        .concat()
    }
}

pub(crate) fn number(value: i32) -> Vec<u8> {
    let mut bytes = vec![0x41];
    let mut value = value;
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && low & 0x40 == 0) || (value == -1 && low & 0x40 != 0) {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Code from parts.
pub(crate) fn code(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// `input(0, 0, input_size())`, `output(0, input_size())`, then 0.
pub(crate) fn echo() -> Vec<u8> {
    let zero = number(0);
    code(&[&zero, &zero, &[0x10, 0], &[0x10, 1], &zero, &[0x10, 0], &[0x10, 2], &zero])
}
