//! A response body that follows a script: bytes, pauses, silence, or a broken end.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

/// One step of a script.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// These bytes.
    Send(Bytes),
    /// A pause in real time.
    Pause(Duration),
    /// What was sent so far reaches the wire before the next step.
    Flush,
    /// Nothing more, with the connection open.
    Stall,
    /// The connection breaks.
    Break,
    /// These bytes again and again.
    Repeat(Bytes),
}

/// A body that plays its steps in order.
#[derive(Debug)]
pub(crate) struct ScriptedBody {
    steps: VecDeque<Step>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// The length to announce; `None` leaves it to the headers, or to chunks.
    length: Option<u64>,
}

impl ScriptedBody {
    /// An ordinary body.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        let length = Some(bytes.len() as u64);
        let steps = if bytes.is_empty() { VecDeque::new() } else { VecDeque::from([Step::Send(bytes)]) };
        Self { steps, sleep: None, length }
    }

    /// A body that plays these steps and announces no length.
    pub(crate) fn script(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), sleep: None, length: None }
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = io::Error;

    #[expect(clippy::disallowed_methods, reason = "a slow server is slow in real time")]
    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                std::task::ready!(sleep.as_mut().poll(context));
                self.sleep = None;
            }
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Send(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Step::Pause(pause)) => self.sleep = Some(Box::pin(tokio::time::sleep(pause))),
                Some(Step::Flush) => {
                    // The server flushes whenever a body has nothing ready.
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Step::Stall) => {
                    // No waker is kept on purpose: only the connection's end ends this.
                    self.steps.push_front(Step::Stall);
                    return Poll::Pending;
                }
                Some(Step::Break) => return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
                Some(Step::Repeat(bytes)) => {
                    self.steps.push_front(Step::Repeat(bytes.clone()));
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() && self.sleep.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
