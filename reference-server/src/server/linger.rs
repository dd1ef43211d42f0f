//! A stream that closes late enough for its last bytes to arrive.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long what a client still sends is read and thrown away.
const LONGEST: Duration = Duration::from_secs(2);

/// A stream that, when it is shut down, closes its sending side and then reads until the other side
/// closes too.
///
/// A system that closes a connection with unread bytes resets it, and the client may lose the
/// response that it was about to read: that a request was too long, for example (RFC 9112
/// section 9.6).
pub(super) struct Lingering<S> {
    stream: S,
    longest: Duration,
    /// Runs from the moment at which the sending side was closed.
    left: Option<Pin<Box<Sleep>>>,
}

impl<S> Lingering<S> {
    /// Wraps a stream.
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            longest: LONGEST,
            left: None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.left.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.left = Some(Box::pin(sleep(self.longest)));
        }
        let Self { stream, left, .. } = &mut *self;
        if left
            .as_mut()
            .is_some_and(|left| left.as_mut().poll(context).is_ready())
        {
            return Poll::Ready(Ok(()));
        }
        let mut thrown_away = [0; 8192];
        loop {
            let mut buffer = ReadBuf::new(&mut thrown_away);
            let read = ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn what_comes_late_is_read_before_the_end() {
        let (mut client, server) = duplex(16);
        let mut server = Lingering::new(server);
        let close = tokio::spawn(async move {
            server.write_all(b"too long").await.expect("written");
            server.shutdown().await.expect("shut down");
        });
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.expect("an answer");
        assert_eq!(answer, b"too long");
        // More than the pipe holds: it goes through only if it is read.
        client.write_all(&[b'x'; 1000]).await.expect("taken");
        drop(client);
        close.await.expect("closed");
    }

    #[tokio::test]
    async fn a_client_that_does_not_close_is_left() {
        let (_client, server) = duplex(16);
        let mut server = Lingering::new(server);
        server.longest = Duration::from_millis(10);
        server.shutdown().await.expect("shut down");
    }
}
