//! Lists come in pages. The next one is fetched when it is asked for.

use std::{fmt, marker::PhantomData};

use futures_util::{Stream, StreamExt, stream};
use http::Method;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    DeltaLink, GraphCall, GraphCaller, GraphError,
    link::{Followed, follow},
};

/// One page of a list.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Page<T> {
    /// What is on it.
    pub value: Vec<T>,
    /// How many there are in all, where that was [asked for](GraphCall::count).
    pub count: Option<u64>,
    /// Where later changes will be found: on the last page of a delta query.
    pub delta: Option<DeltaLink>,
}

#[derive(Deserialize)]
struct Wire<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.count")]
    count: Option<u64>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    delta: Option<String>,
}

/// The pages of a list, to be asked for one by one, or as a stream.
///
/// ```no_run
/// # async fn example(graph: entra_graph::Graph) -> Result<(), entra_graph::GraphError> {
/// use futures_util::TryStreamExt;
///
/// #[derive(serde::Deserialize)]
/// struct User { id: String }
///
/// let users = graph.as_app().get("users").select(["id"]).top(999).pages::<User>();
/// let users: Vec<User> = users.items().try_collect().await?;
/// # drop(users.into_iter().map(|user| user.id));
/// # Ok(())
/// # }
/// ```
#[must_use = "no page is fetched before it is asked for"]
pub struct Pages<T> {
    caller: GraphCaller,
    headers: Vec<(String, String)>,
    next: Option<Next>,
    of: PhantomData<fn() -> T>,
}

enum Next {
    Call(Box<GraphCall>),
    Link(String),
}

impl<T: DeserializeOwned> Pages<T> {
    pub(crate) fn first(call: GraphCall) -> Self {
        let (caller, headers) = (call.caller().clone(), call.headers.clone());
        Self { caller, headers, next: Some(Next::Call(Box::new(call))), of: PhantomData }
    }

    pub(crate) fn linked(caller: GraphCaller, link: String) -> Self {
        Self { caller, headers: Vec::new(), next: Some(Next::Link(link)), of: PhantomData }
    }

    /// The next page; `None` behind the last one, and behind an error.
    ///
    /// # Errors
    /// As a [call](GraphCall::json); [`GraphError::Call`] too when Graph names a next page at another
    /// host, which gets no token.
    pub async fn next(&mut self) -> Option<Result<Page<T>, GraphError>> {
        let next = self.next.take()?;
        Some(self.fetch(next).await)
    }

    async fn fetch(&mut self, next: Next) -> Result<Page<T>, GraphError> {
        let (call, came_from) = match next {
            Next::Call(call) => (*call, None),
            Next::Link(link) => (self.follow(&link)?, Some(link)),
        };
        let Wire { value, count, next, delta } = call.json::<Wire<T>>().await?;
        if next.is_some() && next == came_from {
            return Err(GraphError::misconfigured("a page names itself as the next one", "try again later"));
        }
        self.next = next.map(Next::Link);
        Ok(Page { value, count, delta: delta.map(DeltaLink::new) })
    }

    fn follow(&self, link: &str) -> Result<GraphCall, GraphError> {
        let query = &self.caller.graph().configured().query;
        let Followed { base, path } = follow(link, self.caller.base(), query)?;
        let mut call = GraphCall::new(self.caller.at(&base), Method::GET, &path);
        call.headers.clone_from(&self.headers);
        Ok(call)
    }

    /// The pages as a stream; it ends behind the first error.
    pub fn stream(self) -> impl Stream<Item = Result<Page<T>, GraphError>> + Send {
        stream::unfold(self, async |mut pages| Some((pages.next().await?, pages)))
    }

    /// What is on the pages as a stream, one by one; it ends behind the first error.
    pub fn items(self) -> impl Stream<Item = Result<T, GraphError>> + Send
    where
        T: Send,
    {
        self.stream().flat_map(|page| {
            stream::iter(match page {
                Ok(page) => page.value.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            })
        })
    }
}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("is_at_its_end", &self.next.is_none()).finish_non_exhaustive()
    }
}
