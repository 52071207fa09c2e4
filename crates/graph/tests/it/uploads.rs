//! Large uploads, piece by piece, to an address that gets no token.

use std::time::Duration;

use bytes::Bytes;
use entra_emulator::Fault;
use serde_json::{Value, json};

use crate::kit::Kit;

const UNIT: usize = 320 * 1024;
const PATH: &str = "me/drive/root:/film%201.mp4:/createUploadSession";

#[tokio::test]
async fn content_goes_in_pieces_and_its_progress_is_told() {
    let kit = Kit::start().await;
    let me = kit.me().scopes("Files.ReadWrite");
    let content = Bytes::from(vec![7; 2 * UNIT + 100]);
    let mut upload = me.upload_session(PATH, &json!({})).await.unwrap().piece(UNIT + 5);
    let mut told = Vec::new();
    let item: Value = upload.send(&content, |progress| told.push(progress.sent)).await.unwrap();
    assert_eq!(item["size"], content.len());
    assert_eq!(told, [UNIT as u64, 2 * UNIT as u64, content.len() as u64]);
    let puts = kit.asked().iter().filter(|entry| entry.method == "PUT").count();
    assert_eq!(puts, 3, "the address takes no request with a token, so none had one");
    assert!(!format!("{upload:?}").contains("tempauth"));
}

#[tokio::test]
async fn what_breaks_off_goes_on_where_graph_is() {
    let kit = Kit::start().await;
    let me = kit.me().scopes("Files.ReadWrite");
    let content = Bytes::from(vec![7; 3 * UNIT]);
    let mut upload = me.upload_session(PATH, &json!({})).await.unwrap().piece(UNIT);
    kit.emulator
        .faults()
        .add(Fault::status_retry_after(503, Duration::ZERO).path("/upload/").after(1).times(1));
    kit.emulator.faults().add(Fault::reset().path("/upload/").after(1).times(1));
    let mut told = Vec::new();
    let broken = upload.send::<Value>(&content, |progress| told.push(progress.sent)).await;
    assert!(broken.is_err(), "{broken:?}");
    let item: Value = upload.send(&content, |progress| told.push(progress.sent)).await.unwrap();
    assert_eq!(item["size"], content.len());
    assert_eq!(told.iter().filter(|sent| **sent == UNIT as u64).count(), 1, "nothing is sent twice");
}

#[tokio::test]
async fn a_session_can_be_thrown_away_and_ends() {
    let kit = Kit::start().await;
    let me = kit.me().scopes("Files.ReadWrite");
    let upload = me.upload_session(PATH, &json!({})).await.unwrap();
    upload.cancel().await.unwrap();
    let mut upload = me.upload_session(PATH, &json!({})).await.unwrap();
    assert!(upload.send::<Value>(&Bytes::new(), |_| {}).await.is_err());
    kit.emulator.faults().add(Fault::status_retry_after(429, Duration::ZERO).path("/upload/"));
    let item: Value = upload.send(&Bytes::from_static(b"short"), |_| {}).await.unwrap();
    assert_eq!(item["size"], 5);
    let ended = upload.send::<Value>(&Bytes::from_static(b"short"), |_| {}).await.unwrap_err();
    assert_eq!(ended.refusal().unwrap().code(), "itemNotFound");
    let denied = kit.me().upload_session(PATH, &json!({})).await.unwrap_err();
    assert_eq!(denied.status().unwrap().as_u16(), 403);
}
