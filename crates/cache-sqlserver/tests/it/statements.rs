//! Every statement that the crate sends, as it is in `tests/golden`.

use std::time::Duration;

use entra_abstractions::{Clock, StoreKey, StoreTokens, StoredEntry};
use expect_test::{expect, expect_file};

use crate::bench::Bench;

#[tokio::test]
async fn the_statements_are_these() {
    let Bench { double, clock, store } = Bench::start().await;
    let key = StoreKey::digest(["statements"]);
    let entry = StoredEntry::new(*b"value", clock.now() + Duration::from_secs(60));
    // Of a statement that is not to the letter as the double knows it, all that is told is an error.
    drop(store.put(&key, entry.clone()).await);
    drop(store.put_new(&key, entry).await);
    drop(store.get(&key).await);
    drop(store.remove(&key).await);
    let asked = double.with(|table| table.asked.clone());
    let statement = |start: &str, with: &str| {
        let found = asked.iter().filter_map(|it| it.split_once('\n'));
        let mut found = found.filter(|(_, it)| it.starts_with(start) && it.contains(with));
        found.next().unwrap_or_else(|| panic!("{start} {with} was not sent, but {asked:#?}")).1
    };
    expect_file!["../golden/look.sql"].assert_eq(statement("SELECT [name]", ""));
    expect_file!["../golden/create.sql"].assert_eq(statement("CREATE TABLE", ""));
    expect_file!["../golden/clean.sql"].assert_eq(statement("DELETE TOP", ""));
    expect_file!["../golden/get.sql"].assert_eq(statement("SELECT CASE", ""));
    expect_file!["../golden/put.sql"].assert_eq(statement("MERGE", "WHEN MATCHED THEN"));
    expect_file!["../golden/put_new.sql"].assert_eq(statement("MERGE", "WHEN MATCHED AND"));
    expect_file!["../golden/remove.sql"].assert_eq(statement("DELETE FROM", ""));
    let declared: Vec<&str> = asked.iter().filter_map(|it| it.split_once('\n')).map(|(it, _)| it).collect();
    expect![[r"


        @P1 nvarchar(4000)
        @P1 varbinary(8000)
        @P1 varbinary(8000)
        @P1 varbinary(8000),@P2 varbinary(8000),@P3 bigint
        @P1 varbinary(8000),@P2 varbinary(8000),@P3 bigint"]]
    .assert_eq(&declared.join("\n"));
}
