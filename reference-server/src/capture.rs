//! What a guest writes, kept in memory.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// A stream that keeps what is written to it, up to a limit. Clones share the content.
#[derive(Clone)]
pub(crate) struct Capture {
    content: Arc<Mutex<BytesMut>>,
    limit: usize,
    overflow: Overflow,
}

/// What happens beyond the limit.
#[derive(Clone, Copy)]
pub(crate) enum Overflow {
    /// The guest is ended.
    Trap,
    /// What does not fit is lost; the guest does not notice.
    Discard,
}

impl Capture {
    /// An empty stream that keeps `limit` bytes.
    pub(crate) fn new(limit: usize, overflow: Overflow) -> Self {
        Self {
            content: Arc::default(),
            limit,
            overflow,
        }
    }

    /// All that was written so far; the stream is empty afterwards.
    pub(crate) fn take(&self) -> Bytes {
        std::mem::take(&mut *self.lock()).freeze()
    }

    fn lock(&self) -> MutexGuard<'_, BytesMut> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps `bytes`. The error says that the limit does not allow it.
    fn keep(&self, bytes: &[u8]) -> Result<(), String> {
        let mut content = self.lock();
        let room = self.limit.saturating_sub(content.len());
        match (bytes.get(..room), self.overflow) {
            (None, _) => content.extend_from_slice(bytes),
            (Some(fitting), _) if fitting.len() == bytes.len() => {
                content.extend_from_slice(bytes);
            }
            (Some(fitting), Overflow::Discard) => content.extend_from_slice(fitting),
            (Some(_), Overflow::Trap) => {
                return Err(format!("the guest wrote more than {} bytes", self.limit));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Pollable for Capture {
    async fn ready(&mut self) {}
}

impl OutputStream for Capture {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.keep(&bytes).map_err(|cause| StreamError::trap(&cause))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

impl AsyncWrite for Capture {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(match self.keep(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(cause) => Err(io::Error::other(cause)),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl IsTerminal for Capture {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Capture {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_up_to_the_limit() {
        for (overflow, result, expected) in [
            (Overflow::Trap, false, "abc"),
            (Overflow::Discard, true, "abcd"),
        ] {
            let capture = Capture::new(4, overflow);
            assert!(capture.keep(b"abc").is_ok());
            assert_eq!(capture.keep(b"de").is_ok(), result);
            assert_eq!(capture.take(), expected);
            assert!(capture.keep(b"abcd").is_ok());
        }
    }
}
