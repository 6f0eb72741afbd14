//! Signed HTTP messages.

use tollgate_wire::httpsig::{Message, Request, Signature};
use tollgate_wire::sfv;

/// A message in lines: method, authority, path and query, then fields. The base has one line for each component and one for the
/// parameters, whatever the fields hold; a dictionary is written as it is read.
pub(crate) fn signature(data: &[u8]) -> bool {
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut text = || std::str::from_utf8(lines.next().unwrap_or_default()).unwrap_or_default();
    let (method, authority, target) = (text(), text(), text());
    let field = |line| {
        let at = memchr::memchr(b':', line)?;
        Some((std::str::from_utf8(line.get(..at)?).ok()?, line.get(at + 1..)?))
    };
    let fields: Vec<(&str, &[u8])> = lines.filter_map(field).collect();
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let request = Request { method, scheme: "https", authority, path, query, fields: &fields };
    let bound = Message::Response { status: 200, fields: &fields, request: Some(request) };
    let mut based = false;
    for message in [Message::Request(request), bound] {
        let Ok(all) = Signature::all(&message) else { continue };
        for signature in all {
            let Ok(base) = signature.base(&message) else { continue };
            assert_eq!(base.split('\n').count(), signature.components.len() + 1, "{base}");
            let (_, params) = base.rsplit_once("\"@signature-params\": ").expect("its own line");
            let again = sfv::dictionary(&format!("s={params}")).expect("what was written is read");
            assert_eq!(again.to_string(), format!("s={params}"));
            based = true;
        }
    }
    based
}
