//! A network between the rail and its far side, whose faults can be armed. Clones share it.

use std::cell::RefCell;
use std::rc::Rc;
use tollgate_card::{Answer, Api, Method, Request};
use tollgate_pay::rail::kit::Fault;
use tollgate_rail::Silent;

/// See the module.
pub(crate) struct Network<A>(pub(crate) Rc<RefCell<Inner<A>>>);

pub(crate) struct Inner<A> {
    pub(crate) far: A,
    fault: Fault,
    /// Changes that go through before the fault.
    skip: usize,
    delayed: Vec<Request>,
    /// Answer of the next look, as of before the change.
    stale: Option<(String, Answer)>,
    /// Payments that were made, also those of which the answer was lost.
    pub(crate) made: Vec<String>,
}

impl<A> Clone for Network<A> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<A: Api> Network<A> {
    pub(crate) fn new(far: A) -> Self {
        let (fault, skip, delayed, stale, made) = (Fault::None, 0, Vec::new(), None, Vec::new());
        Self(Rc::new(RefCell::new(Inner { far, fault, skip, delayed, stale, made })))
    }

    /// Something goes wrong with a change, after `skip` others.
    pub(crate) fn arm(&self, fault: Fault, skip: usize) {
        let mut inner = self.0.borrow_mut();
        (inner.fault, inner.skip) = (fault, skip);
    }

    pub(crate) fn heal(&self) {
        let mut inner = self.0.borrow_mut();
        (inner.fault, inner.stale) = (Fault::None, None);
        while let Some(request) = inner.delayed.pop() {
            let _ = inner.through(&request);
        }
    }
}

impl<A: Api> Inner<A> {
    fn through(&mut self, request: &Request) -> Result<Answer, Silent> {
        let answer = self.far.send(request)?;
        if request.path == "/v1/payment_intents" && answer.status == 200 {
            let id = answer.body["id"].as_str().unwrap().to_owned();
            if !self.made.contains(&id) {
                self.made.push(id);
            }
        }
        Ok(answer)
    }

    fn lost() -> Result<Answer, Silent> {
        Err(Silent("lost".into()))
    }
}

impl<A: Api> Api for Network<A> {
    fn send(&mut self, request: &Request) -> Result<Answer, Silent> {
        let mut inner = self.0.borrow_mut();
        if request.method == Method::Get {
            return match inner.stale.take() {
                Some((path, answer)) if path == request.path => Ok(answer),
                _ => inner.through(request),
            };
        }
        if inner.skip > 0 && inner.fault != Fault::None {
            inner.skip -= 1;
            return inner.through(request);
        }
        match std::mem::replace(&mut inner.fault, Fault::None) {
            Fault::None => inner.through(request),
            Fault::DropRequest | Fault::CrashBefore => Inner::<A>::lost(),
            Fault::DropAnswer | Fault::CrashAfter => {
                let _ = inner.through(request);
                Inner::<A>::lost()
            }
            Fault::Duplicate => {
                let _ = inner.through(request);
                inner.through(request)
            }
            Fault::Delay => {
                inner.delayed.push(request.clone());
                Inner::<A>::lost()
            }
            Fault::StaleQuery => {
                if let Some((path, _)) =
                    request.path.rsplit_once('/').filter(|(path, _)| path.contains("pi_"))
                {
                    let look = Request {
                        method: Method::Get,
                        path: format!("{path}?expand%5B%5D=latest_charge"),
                        form: Vec::new(),
                        key: String::new(),
                    };
                    let before = inner.through(&look)?;
                    inner.stale = Some((look.path, before));
                }
                let _ = inner.through(request);
                Inner::<A>::lost()
            }
        }
    }
}
