//! The table: its name, its shape, and every statement that this crate ever sends.
//!
//! The time is the server's own, so that all instances agree when an entry has ended, however far
//! their clocks are apart.

use entra_abstractions::{Misconfigured, Section};

/// Milliseconds since 1970 by the clock of the server.
const NOW: &str = "DATEDIFF_BIG(millisecond, '19700101', SYSUTCDATETIME())";

/// A larger entry is neither kept nor read: a token has 2 to 16 KiB.
pub(crate) const MAX_VALUE: usize = 1024 * 1024;

/// The statements for one table. A parameter is cast to the column's type, so that the key is
/// looked up in the index as it is.
#[derive(Debug)]
pub(crate) struct Table {
    /// `[dbo].[TokenCache]`
    pub(crate) name: String,
    pub(crate) get: String,
    pub(crate) put: String,
    pub(crate) put_new: String,
    pub(crate) remove: String,
    pub(crate) clean: String,
    pub(crate) create: String,
    pub(crate) look: &'static str,
}

/// What is found under the table's name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Ours,
    /// What `dotnet sql-cache create` makes.
    DotNets,
    Others,
}

impl Table {
    /// `section` is where the names are written, for what is wrong with them.
    pub(crate) fn new(section: &Section, schema: &str, table: &str) -> Result<Self, Misconfigured> {
        let schema = quoted(schema).map_err(|fault| fault.at(section.path_of("SchemaName")))?;
        let table = quoted(table).map_err(|fault| fault.at(section.path_of("TableName")))?;
        let name = format!("{schema}.{table}");
        let key = "CAST(@P1 AS binary(32))";
        // One statement that is a transaction of its own: nothing is left open on a connection
        // that breaks in the middle. Without HOLDLOCK two instances could both find no row and
        // both insert; with it the second waits for the first, and updates. UPDATE and, where no
        // row was hit, INSERT would need the same lock and a transaction around them.
        let merge = |condition: &str, output: &str| {
            format!(
                "MERGE INTO {name} WITH (HOLDLOCK) AS kept\n\
                 USING (SELECT {key} AS [key]) AS given ON kept.[key] = given.[key]\n\
                 WHEN MATCHED{condition} THEN UPDATE SET [value] = @P2, [expires_at] = @P3\n\
                 WHEN NOT MATCHED THEN INSERT ([key], [value], [expires_at]) \
                 VALUES (given.[key], @P2, @P3){output};"
            )
        };
        Ok(Self {
            // Never more than can be one of ours.
            get: format!(
                "SELECT CASE WHEN DATALENGTH([value]) <= {MAX_VALUE} THEN [value] END AS [value], [expires_at] \
                 FROM {name} WHERE [key] = {key} AND [expires_at] > {NOW};"
            ),
            put: merge("", ""),
            // OUTPUT tells what was done; a count of rows can be switched off on the server.
            put_new: merge(
                &format!(" AND kept.[expires_at] <= {NOW}"),
                "\nOUTPUT CAST(1 AS bit) AS [was_kept]",
            ),
            remove: format!(
                "DELETE FROM {name}\n\
                 OUTPUT CAST(CASE WHEN deleted.[expires_at] > {NOW} THEN 1 ELSE 0 END AS bit) AS [was_there]\n\
                 WHERE [key] = {key};"
            ),
            // Rows that others hold are left for the next time.
            clean: format!("DELETE TOP (1000) FROM {name} WITH (READPAST) WHERE [expires_at] <= {NOW};"),
            create: format!(
                "CREATE TABLE {name} ([key] binary(32) NOT NULL PRIMARY KEY CLUSTERED, \
                 [value] varbinary(max) NOT NULL, [expires_at] bigint NOT NULL INDEX [by_expires_at]);"
            ),
            look: "SELECT [name], TYPE_NAME([system_type_id]) AS [type], [max_length] \
                   FROM sys.columns WHERE [object_id] = OBJECT_ID(@P1) ORDER BY [column_id];",
            name,
        })
    }

    /// What the columns (name, type, length in bytes) make of a table.
    pub(crate) fn recognise(columns: &[(String, String, i16)]) -> Found {
        let is = |name: &str| columns.iter().any(|(column, ..)| column.eq_ignore_ascii_case(name));
        let ours = [("key", "binary", 32), ("value", "varbinary", -1), ("expires_at", "bigint", 8)];
        if columns.is_empty() {
            Found::Nothing
        } else if columns.iter().map(|(name, kind, length)| (name.as_str(), kind.as_str(), *length)).eq(ours)
        {
            Found::Ours
        } else if ["Id", "Value", "ExpiresAtTime"].into_iter().all(is) {
            Found::DotNets
        } else {
            Found::Others
        }
    }
}

/// A name as T-SQL quotes it.
fn quoted(name: &str) -> Result<String, Misconfigured> {
    if name.trim().is_empty() || name.encode_utf16().count() > 128 || name.contains(char::is_control) {
        return Err(Misconfigured::new("this is no name of SQL Server's")
            .hint("1 to 128 characters, none of them a control character"));
    }
    Ok(format!("[{}]", name.replace(']', "]]")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_brackets() {
        let at = Section::default();
        let table = Table::new(&at, "dbo", "x]; DROP TABLE [y").unwrap();
        assert_eq!(table.name, "[dbo].[x]]; DROP TABLE [y]");
        for name in ["", " ", "a\0b", &"x".repeat(129)] {
            let told = |schema, table| Table::new(&at, schema, table).unwrap_err().to_string();
            assert!(
                told("dbo", name).starts_with("TableName: ") && told(name, "t").starts_with("SchemaName: ")
            );
        }
    }

    #[test]
    fn a_table_is_known_by_its_columns() {
        let columns = |columns: &[(&str, &str, i16)]| -> Vec<(String, String, i16)> {
            columns.iter().map(|(name, kind, length)| ((*name).into(), (*kind).into(), *length)).collect()
        };
        let check = |found, list: &[_]| assert_eq!(Table::recognise(&columns(list)), found, "{list:?}");
        check(Found::Nothing, &[]);
        check(Found::Ours, &[("key", "binary", 32), ("value", "varbinary", -1), ("expires_at", "bigint", 8)]);
        let dot_nets = [
            ("Id", "nvarchar", 898),
            ("Value", "varbinary", -1),
            ("ExpiresAtTime", "datetimeoffset", 10),
            ("SlidingExpirationInSeconds", "bigint", 8),
            ("AbsoluteExpiration", "datetimeoffset", 10),
        ];
        check(Found::DotNets, &dot_nets);
        check(
            Found::Others,
            &[("key", "binary", 16), ("value", "varbinary", -1), ("expires_at", "bigint", 8)],
        );
        check(Found::Others, &[("Id", "int", 4)]);
    }
}
