//! The one question: who has a token for this request?

use std::{
    fmt::{self, Debug},
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use crate::{AccessToken, BindTokens, TokenError, TokenRequest};

/// Acquires access tokens: from a cache, from Entra, or, in a test, from a list.
///
/// Agents, token binding and logging wrap one of these in another; whoever calls APIs takes any.
#[doc(alias = "ITokenAcquirer")]
#[doc(alias = "ITokenAcquisition")]
#[doc(alias = "IAuthorizationHeaderProvider")]
pub trait AcquireToken: Send + Sync + Debug {
    /// Acquires a token. A cached one is ready at once, without allocation.
    ///
    /// # Errors
    /// The future's [`TokenError`] says who must act.
    fn acquire<'a>(&'a self, request: &'a TokenRequest) -> Acquiring<'a>;

    /// How this acquirer binds tokens to a certificate ([`Scheme::MtlsPop`](crate::Scheme)); nothing
    /// where it never does. Whoever wraps an acquirer passes on what that says.
    fn binder(&self) -> Option<&dyn BindTokens> {
        None
    }
}

impl<T: AcquireToken + ?Sized> AcquireToken for Arc<T> {
    fn acquire<'a>(&'a self, request: &'a TokenRequest) -> Acquiring<'a> {
        (**self).acquire(request)
    }

    fn binder(&self) -> Option<&dyn BindTokens> {
        (**self).binder()
    }
}

/// A token on its way: ready where it was cached, boxed where it must be fetched.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Acquiring<'a>(State<'a>);

/// A tag and one word, whatever it is: such a value is handed through in registers, and a cached
/// token never sees memory. So what is not the token is boxed.
enum State<'a> {
    Token(AccessToken),
    Failed(Box<TokenError>),
    Fetching(Box<Fetching<'a>>),
    Taken,
}

type Fetching<'a> = Pin<Box<dyn Future<Output = Result<AccessToken, TokenError>> + Send + 'a>>;

impl<'a> Acquiring<'a> {
    /// A result that is here already.
    #[inline]
    pub fn ready(result: Result<AccessToken, TokenError>) -> Self {
        Self(match result {
            Ok(token) => State::Token(token),
            Err(error) => State::Failed(Box::new(error)),
        })
    }

    /// A result that must be waited for.
    pub fn fetching(future: impl Future<Output = Result<AccessToken, TokenError>> + Send + 'a) -> Self {
        Self(State::Fetching(Box::new(Box::pin(future))))
    }

    /// The result, if it is here already: for callers that must not wait.
    ///
    /// # Errors
    /// The acquiring itself, where it must be waited for.
    #[inline]
    pub fn now(self) -> Result<Result<AccessToken, TokenError>, Self> {
        match self.0 {
            State::Token(token) => Ok(Ok(token)),
            State::Failed(error) => Ok(Err(*error)),
            other @ (State::Fetching(_) | State::Taken) => Err(Self(other)),
        }
    }
}

impl Future for Acquiring<'_> {
    type Output = Result<AccessToken, TokenError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match mem::replace(&mut self.0, State::Taken) {
            State::Token(token) => Poll::Ready(Ok(token)),
            State::Failed(error) => Poll::Ready(Err(*error)),
            State::Fetching(mut future) => {
                let poll = (*future).as_mut().poll(context);
                if poll.is_pending() {
                    self.0 = State::Fetching(future);
                }
                poll
            }
            // A future that is polled after it was ready never wakes again, as `std`'s does not
            // promise more either.
            State::Taken => Poll::Pending,
        }
    }
}

const _: () = assert!(size_of::<Acquiring<'static>>() == 2 * size_of::<usize>());

impl Debug for Acquiring<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Token(_) | State::Failed(_) | State::Taken => "Acquiring::ready",
            State::Fetching(_) => "Acquiring::fetching",
        })
    }
}
