//! What the double answers with: tokens of TDS 7.4.

/// Answers, token by token.
#[derive(Default)]
pub(crate) struct Answer(pub(crate) Vec<u8>);

/// A column of a result, which says how its values are written.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    BigInt,
    SmallInt,
    Bit,
    Name,
    Bytes,
}

/// A value of a row.
pub(crate) enum Value {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

const COLLATION: [u8; 5] = [0x09, 0x04, 0xd0, 0x00, 0x34];

impl Answer {
    pub(crate) fn login(mut self, database: &str, by_token: bool) -> Self {
        self.environment(1, &text_8(database), &text_8("master"));
        self.environment(7, &[&[5], COLLATION.as_slice()].concat(), &[0]);
        let mut body = vec![1, 0x74, 0x00, 0x00, 0x04];
        body.extend(text_8("Microsoft SQL Server (double)"));
        body.extend([16, 0, 0x10, 0x00]);
        self.sized(0xad, &body);
        self.environment(4, &text_8("4096"), &text_8("4096"));
        if by_token {
            self.0.extend([0xae, 0x02, 0, 0, 0, 0, 0xff]);
        }
        self
    }

    /// A way to another address: what Azure's gateway answers a login with.
    pub(crate) fn routing(mut self, host: &str, port: u16) -> Self {
        let units: Vec<u8> = host.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut data = vec![0];
        data.extend(port.to_le_bytes());
        data.extend(u16::try_from(units.len() / 2).unwrap().to_le_bytes());
        data.extend(units);
        let mut new = u16::try_from(data.len()).unwrap().to_le_bytes().to_vec();
        new.extend(data);
        self.environment(20, &new, &[0, 0]);
        self
    }

    /// The end of what a login is answered with.
    pub(crate) fn end(mut self) -> Self {
        self.done(0xfd, 0, 0);
        self
    }

    pub(crate) fn rows(mut self, columns: &[(&str, Column)], rows: Vec<Vec<Value>>) -> Self {
        self.0.push(0x81);
        self.0.extend(u16::try_from(columns.len()).unwrap().to_le_bytes());
        for (name, column) in columns {
            self.0.extend([0, 0, 0, 0, 0x08, 0x00]);
            match column {
                Column::BigInt => self.0.extend([0x26, 8]),
                Column::SmallInt => self.0.extend([0x26, 2]),
                Column::Bit => self.0.extend([0x68, 1]),
                Column::Name => {
                    self.0.extend([0xe7, 0, 1]);
                    self.0.extend(COLLATION);
                }
                Column::Bytes => self.0.extend([0xa5, 0xff, 0xff]),
            }
            self.0.extend(text_8(name));
        }
        let count = rows.len() as u64;
        for row in rows {
            self.0.push(0xd1);
            for (value, (_, column)) in row.into_iter().zip(columns) {
                self.value(value, *column);
            }
        }
        self.returned(count);
        self
    }

    /// What a statement without a result answers.
    pub(crate) fn count(mut self, rows: u64) -> Self {
        self.returned(rows);
        self
    }

    pub(crate) fn error(mut self, number: u32, class: u8, message: &str) -> Self {
        let mut body = number.to_le_bytes().to_vec();
        body.extend([1, class]);
        body.extend(u16::try_from(message.encode_utf16().count()).unwrap().to_le_bytes());
        body.extend(message.encode_utf16().flat_map(u16::to_le_bytes));
        body.extend(text_8("double"));
        body.extend(text_8(""));
        body.extend(1_u32.to_le_bytes());
        self.sized(0xaa, &body);
        self.done(0xfd, 0x02, 0);
        self
    }

    /// Says that what ran was given up, as the client asked.
    pub(crate) fn given_up(mut self) -> Self {
        self.done(0xfd, 0x20, 0);
        self
    }

    fn value(&mut self, value: Value, column: Column) {
        match (value, column) {
            (Value::Null, Column::Bytes) => self.0.extend([0xff; 8]),
            (Value::Number(number), Column::BigInt) => {
                self.0.push(8);
                self.0.extend(number.to_le_bytes());
            }
            (Value::Number(number), Column::SmallInt) => {
                self.0.push(2);
                self.0.extend(i16::try_from(number).unwrap().to_le_bytes());
            }
            (Value::Number(number), Column::Bit) => self.0.extend([1, u8::from(number != 0)]),
            (Value::Text(text), Column::Name) => {
                let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                self.0.extend(u16::try_from(units.len()).unwrap().to_le_bytes());
                self.0.extend(units);
            }
            (Value::Bytes(bytes), Column::Bytes) => {
                self.0.extend((bytes.len() as u64).to_le_bytes());
                for chunk in bytes.chunks(3_000) {
                    self.0.extend(u32::try_from(chunk.len()).unwrap().to_le_bytes());
                    self.0.extend(chunk);
                }
                self.0.extend([0; 4]);
            }
            _ => panic!("a value stands in a column of another type"),
        }
    }

    fn returned(&mut self, rows: u64) {
        self.done(0xff, 0x11, rows);
        self.0.extend([0x79, 0, 0, 0, 0]);
        self.done(0xfe, 0, 0);
    }

    fn environment(&mut self, kind: u8, new: &[u8], old: &[u8]) {
        let body = [&[kind], new, old].concat();
        self.sized(0xe3, &body);
    }

    fn sized(&mut self, token: u8, body: &[u8]) {
        self.0.push(token);
        self.0.extend(u16::try_from(body.len()).unwrap().to_le_bytes());
        self.0.extend(body);
    }

    fn done(&mut self, token: u8, status: u16, rows: u64) {
        self.0.push(token);
        self.0.extend(status.to_le_bytes());
        self.0.extend([0, 0]);
        self.0.extend(rows.to_le_bytes());
    }
}

/// A text behind one byte that counts its units.
fn text_8(text: &str) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(text.encode_utf16().count()).unwrap()];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes
}
