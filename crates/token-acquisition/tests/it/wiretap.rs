//! A server that answers by rote and writes down each request byte by byte: for what Entra would
//! never answer, and for what the emulator's log does not keep.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

/// What it does with one request.
#[derive(Clone)]
pub(crate) enum Does {
    Answers(String),
    /// Reads it and never answers.
    Hangs,
    /// Sends this and then nothing more, with the connection open.
    Stalls(String),
    /// Closes the connection without a word.
    Leaves,
}

pub(crate) struct Wiretap {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<String>>>,
    listening: AbortHandle,
}

impl Wiretap {
    /// Does one thing after the other; the last one for ever.
    pub(crate) async fn that(script: impl IntoIterator<Item = Does>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let heard = Arc::new(Mutex::new(Vec::new()));
        // An answer may name the server itself.
        let own = |does| match does {
            Does::Answers(answer) => Does::Answers(answer.replace("{url}", &url)),
            other => other,
        };
        let script: Vec<Does> = script.into_iter().map(own).collect();
        let kept = Arc::clone(&heard);
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, script.clone(), Arc::clone(&kept)));
            }
        });
        Self { url, heard, listening: listening.abort_handle() }
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Wiretap {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve(mut stream: TcpStream, script: Vec<Does>, heard: Arc<Mutex<Vec<String>>>) {
    let Some(request) = request(&mut stream).await else { return };
    let turn = {
        let mut heard = heard.lock().unwrap();
        heard.push(request);
        heard.len() - 1
    };
    match script.get(turn).or(script.last()) {
        Some(Does::Answers(answer)) => {
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
        Some(Does::Stalls(start)) => {
            stream.write_all(start.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        }
        Some(Does::Hangs) => std::future::pending::<()>().await,
        Some(Does::Leaves) | None => {}
    }
}

/// One request, whole.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

pub(crate) fn reply(status: &str, headers: &str, body: &str) -> Does {
    // The connection's end is the body's: an answer that names the server has no length before.
    Does::Answers(format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n{body}"))
}

pub(crate) fn json(body: &str) -> Does {
    reply("200 OK", "content-type: application/json\r\n", body)
}

/// A token as Entra grants it, but for its content.
pub(crate) fn granted(token: &str) -> Does {
    json(&format!(r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"{token}"}}"#))
}
